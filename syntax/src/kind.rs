//! Kinds of tokens and nodes, shared by the lexer, the grammar and the lossless tree.

use crate::intern::head;

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
            pub const fn text(self) -> &'static str {
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
        if text.len() <= 8 { SyntaxKind::keyword_headed(head(text)) } else { None }
    }

    /// The reserved word whose bytes these are, the first one lowest.
    #[inline]
    pub(crate) fn keyword_headed(head: u64) -> Option<SyntaxKind> {
        let (known, keyword) = KEYWORDS[place(head)];
        (known == head).then_some(keyword)
    }
}

/// The reserved words, each at its [`place`].
static KEYWORDS: [(u64, SyntaxKind); 32] = {
    let mut table = [(u64::MAX, SyntaxKind::Invalid); 32];
    let mut at = 0;
    while at <= SyntaxKind::While as usize {
        let text = ALL[at].text().as_bytes();
        let (mut head, mut byte) = (0, text.len());
        while byte > 0 {
            byte -= 1;
            head = head << 8 | text[byte] as u64;
        }
        assert!(table[place(head)].0 == u64::MAX, "reserved words share a place");
        table[place(head)] = (head, ALL[at]);
        at += 1;
    }
    table
};

/// A hash that is different for all reserved words.
const fn place(head: u64) -> usize {
    (head.wrapping_mul(0x2a3d_9f0d_57a9_2bdf) >> 59) as usize
}
