//! Kinds of tokens and nodes, shared by the lexer, the grammar and the lossless tree.

/// Declares the kinds once: tokens with their spelling, then nodes.
macro_rules! kinds {
    (tokens { $($token:ident = $text:literal,)* } nodes { $($(#[$doc:meta])* $node:ident,)* }) => {
        /// Kind of a token or of a node of the lossless tree.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[allow(missing_docs)]
        pub enum SyntaxKind {
            $($token,)*
            $($(#[$doc])* $node,)*
        }

        const ALL: &[SyntaxKind] = &[$(SyntaxKind::$token,)* $(SyntaxKind::$node,)*];

        impl SyntaxKind {
            /// The spelling of a token as PUC Lua's messages show it, without quotes.
            pub fn text(self) -> &'static str {
                match self {
                    $(SyntaxKind::$token => $text,)*
                    _ => "",
                }
            }
        }
    };
}

kinds! {
    tokens {
        And = "and", Break = "break", Do = "do", Else = "else", ElseIf = "elseif", End = "end",
        False = "false", For = "for", Function = "function", Goto = "goto", If = "if", In = "in",
        Local = "local", Nil = "nil", Not = "not", Or = "or", Repeat = "repeat", Return = "return",
        Then = "then", True = "true", Until = "until", While = "while",
        Plus = "+", Minus = "-", Star = "*", Slash = "/", DoubleSlash = "//", Percent = "%",
        Caret = "^", Hash = "#", Ampersand = "&", Pipe = "|", Tilde = "~", ShiftLeft = "<<",
        ShiftRight = ">>", Concat = "..", Equal = "==", NotEqual = "~=", Less = "<",
        LessEqual = "<=", Greater = ">", GreaterEqual = ">=",
        Assign = "=", LeftParen = "(", RightParen = ")", LeftBrace = "{", RightBrace = "}",
        LeftBracket = "[", RightBracket = "]", DoubleColon = "::", Semicolon = ";", Colon = ":",
        Comma = ",", Dot = ".", Ellipsis = "...",
        Name = "<name>", String = "<string>", Integer = "<integer>", Float = "<number>",
        Invalid = "<invalid>", Eof = "<eof>",
        Whitespace = "<white space>", Comment = "<comment>", Shebang = "<shebang>",
        ByteOrderMark = "<byte order mark>",
    }
    nodes {
        /// The whole text.
        Root,
        /// Statements between a keyword and the `end` that closes them.
        Block,
        LocalStat, LocalFunctionStat, FunctionStat, AssignStat, CallStat, DoStat, WhileStat,
        RepeatStat, IfStat,
        /// `if c then b`, `elseif c then b`.
        IfArm,
        /// `else b`.
        ElseArm,
        NumericForStat, GenericForStat, ReturnStat, BreakStat, GotoStat, LabelStat, EmptyStat,
        /// A name where it is declared, with its attribute.
        Binding,
        /// `<const>`.
        Attribute,
        /// `a.b:c` of a function statement.
        FunctionName,
        /// From the parameter list to `end`.
        FunctionBody,
        ParamList,
        NilExpr, TrueExpr, FalseExpr, NumberExpr, StringExpr, VarargExpr, NameExpr, FieldExpr,
        IndexExpr, CallExpr, MethodExpr, FunctionExpr, BinaryExpr, UnaryExpr, ParenExpr, TableExpr,
        /// Arguments of a call, parentheses included.
        ArgList,
        ItemField, NamedField, KeyedField,
        /// Tokens that recovery skipped.
        Error,
    }
}

impl SyntaxKind {
    /// The kind with this number, if there is one.
    pub fn from_raw(raw: u16) -> Option<SyntaxKind> {
        ALL.get(usize::from(raw)).copied()
    }

    /// Whether this is white space, a comment, a shebang line or a byte order mark.
    pub fn is_trivia(self) -> bool {
        (SyntaxKind::Whitespace..=SyntaxKind::ByteOrderMark).contains(&self)
    }

    /// Whether this is a reserved word.
    pub fn is_keyword(self) -> bool {
        self <= SyntaxKind::While
    }

    /// Whether this is a token, trivia included.
    pub fn is_token(self) -> bool {
        self < SyntaxKind::Root
    }

    /// The reserved word with this spelling.
    pub fn keyword(text: &[u8]) -> Option<SyntaxKind> {
        use SyntaxKind::*;
        if !(2..=8).contains(&text.len()) || !text[0].is_ascii_lowercase() {
            return None;
        }
        Some(match text {
            b"and" => And, b"break" => Break, b"do" => Do, b"else" => Else, b"elseif" => ElseIf,
            b"end" => End, b"false" => False, b"for" => For, b"function" => Function,
            b"goto" => Goto, b"if" => If, b"in" => In, b"local" => Local, b"nil" => Nil,
            b"not" => Not, b"or" => Or, b"repeat" => Repeat, b"return" => Return, b"then" => Then,
            b"true" => True, b"until" => Until, b"while" => While,
            _ => return None,
        })
    }
}
