//! Closures that get code with more variables than they had: compiled code finds them, as does that of new closures.

use perilune_jit::Baseline;
use perilune_vm::inspect::{NewText, Revision, Stage};
use perilune_vm::tier::Eagerness;
use perilune_vm::{Options, Vm};

const OLD: &str = "
    local a, b, c, d, total = 1, 20, 300, 4000, 0
    function read() return a, b, c, d, total end
    function make() return function(n) for i = 1, n do total = total + a end return total end end
    step, other = make(), make()
    function run(n) local sum = 0 for i = 1, n do sum = sum + step(1) + other(1) end return sum end
    function direct(n) for i = 1, n do total = total + a end return total end
    step(5) other(5) direct(5) run(5)
";

fn call(vm: &mut Vm, text: &str) -> String {
    let mut shown = String::new();
    let outcome = vm.with(|ctx| {
        assert!(ctx.load(text.as_bytes(), b"=call", b"t").is_ok());
        ctx.call(0, Some(1))?;
        shown = String::from_utf8_lossy(ctx.bytes(-1).expect("a string")).into_owned();
        ctx.set_top(0);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", vm.error_text());
    shown
}

fn run(eagerness: Option<Eagerness>) -> Vec<String> {
    let mut vm = Vm::new(Options::default());
    if let Some(eagerness) = eagerness {
        vm.set_tier(Box::new(Baseline::new()), eagerness);
    }
    let outcome = vm.with(|ctx| {
        perilune_stdlib::open(ctx)?;
        assert!(ctx.load(OLD.as_bytes(), b"@old", b"t").is_ok());
        ctx.call(0, Some(0))
    });
    assert!(outcome.is_ok(), "{}", vm.error_text());
    let mut shown = vec![call(&mut vm, "return step(2000) .. ' ' .. direct(2000)")];
    // Twice: the second change finds closures whose variables stand apart, and code that was made since the first.
    for (first, second) in [("a + b + c + d", "a + b"), ("d - a - b", "d + c + b + a - 1")] {
        let text = OLD.replace("total + a end return total end end", &format!("total + {first} end return total end end"));
        let text = text.replace("total + a end return total end\n", &format!("total + {second} end return total end\n"));
        let text = NewText::compile(text.as_bytes(), b"@old").expect("it compiles");
        let definitions = [b"make".to_vec(), b"direct".to_vec()];
        let revision = Revision { chunk_name: b"@old", text: &text, definitions: &definitions };
        vm.redefine(&revision, true).expect("it can be replaced");
        for _ in 0..3 {
            shown.push(call(&mut vm, "return direct(1500) .. ' ' .. step(1500) .. ' ' .. other(1500) .. ' ' .. run(300)"));
            shown.push(call(&mut vm, "other = make() return other(1500) .. ' ' .. run(300) .. ' ' .. table.concat({ read() }, ',')"));
        }
    }
    if eagerness.is_some() {
        let compiled = vm.feedback(b"@old").into_iter().filter(|it| matches!(it.stage, Stage::Compiled(_))).count();
        assert!(compiled >= 3, "{compiled} functions are compiled");
    }
    vm.verify().expect("a sound heap");
    shown
}

#[test]
fn closures_with_more_variables() {
    let expected = run(None);
    for eagerness in [Eagerness::Early, Eagerness::Eager, Eagerness::Hot] {
        assert_eq!(run(Some(eagerness)), expected, "{eagerness:?}");
    }
}
