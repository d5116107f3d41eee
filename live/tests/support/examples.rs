//! Messages of every kind, with every field at least once.

/// Every request, in the form in which a client of ours writes it.
pub const REQUESTS: &[&str] = &[
    r#"{"id":1,"method":"hello","params":{"version":1,"client":"repl","onDisconnect":"continue","output":false}}"#,
    r#"{"id":1,"method":"hello","params":{"version":1,"client":"dap","token":"5e","onDisconnect":"terminate","output":true}}"#,
    r#"{"id":2,"method":"status","params":{}}"#,
    r#"{"id":3,"method":"sources","params":{}}"#,
    r#"{"id":4,"method":"source","params":{"id":7}}"#,
    r#"{"id":4,"method":"feedback","params":{"source":"/app/main.lua","line":3}}"#,
    r#"{"id":4,"method":"countRuns","params":{"on":true}}"#,
    r#"{"id":5,"method":"setBreakpoints","params":{"source":"/app/main.lua","breakpoints":[{"line":3},{"line":4,"condition":"x > 1","hitCondition":">= 3","logMessage":"x is {x}"}]}}"#,
    r#"{"id":6,"method":"setErrorStops","params":{"stops":"uncaught"}}"#,
    r#"{"id":7,"method":"start","params":{"stopOnEntry":true}}"#,
    r#"{"id":8,"method":"pause","params":{}}"#,
    r#"{"id":9,"method":"continue","params":{}}"#,
    r#"{"id":10,"method":"step","params":{"kind":"over"}}"#,
    r#"{"id":10,"method":"step","params":{"kind":"out","coroutine":4}}"#,
    r#"{"id":11,"method":"coroutines","params":{}}"#,
    r#"{"id":12,"method":"stack","params":{"coroutine":0,"start":0}}"#,
    r#"{"id":12,"method":"stack","params":{"coroutine":4,"start":20,"count":10}}"#,
    r#"{"id":13,"method":"scopes","params":{"frame":12}}"#,
    r#"{"id":14,"method":"children","params":{"reference":5,"start":0,"filter":"all"}}"#,
    r#"{"id":14,"method":"children","params":{"reference":5,"start":100,"count":50,"filter":"indexed"}}"#,
    r#"{"id":15,"method":"evaluate","params":{"text":"x + 1","frame":12,"context":"watch"}}"#,
    r#"{"id":16,"method":"lookup","params":{"source":"/app/main.lua","position":{"line":3,"column":9},"expression":"state.score"}}"#,
    r#"{"id":17,"method":"setVariable","params":{"reference":5,"name":"x","value":"{}","frame":12}}"#,
    r#"{"id":18,"method":"complete","params":{"text":"string.for"}}"#,
    r#"{"id":18,"method":"complete","params":{"text":"self.","frame":12}}"#,
    r#"{"id":19,"method":"redefine","params":{"source":"/app/main.lua","text":"return 1","target":"changed","check":false}}"#,
    r#"{"id":19,"method":"redefine","params":{"source":"/app/main.lua","text":"return 1","target":{"at":{"line":3,"column":9}},"check":true}}"#,
    r#"{"id":19,"method":"redefine","params":{"source":"/app/main.lua","text":"return 1","target":{"named":"M:stop"},"check":false}}"#,
    r#"{"id":20,"method":"interrupt","params":{}}"#,
    r#"{"id":21,"method":"terminate","params":{}}"#,
];

/// Every event, in the form in which the program writes it.
pub const EVENTS: &[&str] = &[
    r#"{"event":"stopped","params":{"reason":"breakpoint","coroutine":0,"breakpoints":[1,2]}}"#,
    r#"{"event":"stopped","params":{"reason":"error","coroutine":4,"text":"main.lua:3: oops"}}"#,
    r#"{"event":"continued","params":{}}"#,
    r#"{"event":"output","params":{"category":"stdout","text":"hello\n"}}"#,
    r#"{"event":"output","params":{"category":"log","text":"x is 1\n","location":{"source":{"name":"main.lua","path":"/app/main.lua"},"line":4}}}"#,
    r#"{"event":"breakpoint","params":{"id":1,"verified":false,"line":3,"message":"no code there yet"}}"#,
    r#"{"event":"breakpoint","params":{"id":1,"verified":true,"line":4}}"#,
    r#"{"event":"loaded","params":{"name":"=stdin","id":7}}"#,
    r#"{"event":"redefined","params":{"source":"/app/main.lua","functions":[{"name":"M.start","line":3,"closures":2,"running":1}],"added":["M.pause"],"removed":[]}}"#,
    r#"{"event":"terminated","params":{"exitCode":1}}"#,
];

/// A result of every method that has any, in the form in which the program writes it.
pub const RESULTS: &[(&str, &str)] = &[
    (
        "hello",
        r#"{"version":1,"session":{"version":1,"pid":77,"program":"/app/main.lua","args":["-x"],"cwd":"/app","started":1700000000,"address":"unix:/run/77.sock"},"state":"waiting"}"#,
    ),
    (
        "status",
        r#"{"state":"stopped","stopped":{"reason":"pause","coroutine":0},"coroutines":2,"memory":65536,"clients":1}"#,
    ),
    ("sources", r#"{"sources":[{"name":"main.lua","path":"/app/main.lua"}]}"#),
    ("source", r#"{"text":"return 1"}"#),
    (
        "feedback",
        r#"{"functions":[{"name":"add","lines":[2,5],"stage":"interpreted","countdown":700,"codeBytes":0,"revisions":0,"misses":0,"calls":7,"sites":[{"line":3,"instruction":"add","operands":["integer","float"],"result":"float","callee":"Lua","metamethod":true,"cache":"own","misses":2,"rounds":9}]}]}"#,
    ),
    ("setBreakpoints", r#"{"breakpoints":[{"id":1,"verified":true,"line":4}]}"#),
    (
        "coroutines",
        r#"{"coroutines":[{"id":0,"name":"main","status":"normal"},{"id":4,"name":"worker (main.lua:9)","status":"running","resumer":0,"created":{"source":{"name":"main.lua"},"line":9},"location":{"source":{"name":"main.lua"},"line":3}}]}"#,
    ),
    (
        "stack",
        r#"{"frames":[{"id":12,"name":"function 'add'","kind":"lua","location":{"source":{"name":"main.lua"},"line":3},"tailCall":true,"outdated":false,"lines":[2,5]}],"total":3}"#,
    ),
    ("scopes", r#"{"scopes":[{"kind":"locals","reference":5,"count":2}]}"#),
    (
        "children",
        r#"{"children":[{"name":"x","evaluateName":"x","text":"1","type":"integer","reference":0,"indexed":0,"named":0}],"total":1}"#,
    ),
    ("evaluate", r#"{"values":[{"text":"{1, 2}","type":"table","reference":6,"indexed":2,"named":0}]}"#),
    ("setVariable", r#"{"text":"{}","type":"table","reference":6,"indexed":0,"named":0}"#),
    ("complete", r#"{"replace":3,"candidates":[{"text":"format","type":"function"}]}"#),
    (
        "redefine",
        r#"{"functions":[{"name":"M.start","line":3,"closures":2,"running":0}],"added":[],"removed":["M.old"]}"#,
    ),
    ("lookup", r#"{"values":[]}"#),
];
