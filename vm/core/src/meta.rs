//! Names of the metamethods and other special fields of metatables.

macro_rules! events {
    ($($variant:ident $name:literal,)*) => {
        /// A special field of metatables. The number is the bit in `Table::absent_events`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Event { $(#[doc = $name] $variant,)* }

        impl Event {
            /// All events, by number.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];
            /// How many there are.
            pub const COUNT: usize = Event::ALL.len();

            /// The key, as programs write it.
            pub const fn name(self) -> &'static str {
                match self { $(Event::$variant => $name,)* }
            }
        }
    };
}

events! {
    Index "__index",
    NewIndex "__newindex",
    Call "__call",
    Add "__add",
    Sub "__sub",
    Mul "__mul",
    Div "__div",
    IDiv "__idiv",
    Mod "__mod",
    Pow "__pow",
    Unm "__unm",
    BAnd "__band",
    BOr "__bor",
    BXor "__bxor",
    Shl "__shl",
    Shr "__shr",
    BNot "__bnot",
    Concat "__concat",
    Len "__len",
    Eq "__eq",
    Lt "__lt",
    Le "__le",
    Close "__close",
    Gc "__gc",
    Mode "__mode",
    Name "__name",
    ToString "__tostring",
    Pairs "__pairs",
    Metatable "__metatable",
}

const _: () = assert!(Event::COUNT <= 32, "one bit each in a u32");
