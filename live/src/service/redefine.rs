//! Redefinition: which definitions a request means, why they may be refused, and what else has to
//! happen so that the new code works: new definitions are made, new variables of the module initialised.

use std::collections::{HashMap, HashSet};

use perilune_syntax::ast::{Ast, Expr, Stat, StatKind};
use perilune_vm::Vm;
use perilune_vm::inspect::{Conflict, NewText, Outcome, Revision, TextDefinition};

use super::Service;
use super::evaluate::error_message;
use crate::protocol::{Code, Event, Failure, Position, Redefine, RedefineResult, Redefined, Refusal, Target};

/// What a definition without a name is called in a path.
const ANONYMOUS: &str = "<anonymous>";

/// A request that compiles.
struct Change<'a> {
    chunk_name: Vec<u8>,
    path: String,
    text: &'a str,
    compiled: NewText,
    definitions: Vec<TextDefinition>,
    ast: Ast,
}

impl Service {
    pub(super) fn redefine(&mut self, vm: &mut Vm, params: Redefine) -> Result<RedefineResult, Failure> {
        let path = self.sources.normal(&params.source);
        let chunk_name = self.sources.chunk_names(vm, &params.source).into_iter().next();
        let Some(chunk_name) = chunk_name else {
            return Err(refused(vec![refusal(format!("the running program has not loaded {path}"), start_of(&params.text), start_of(&params.text))]));
        };
        let change = compile(chunk_name, path, &params.text)?;
        let wanted = self.targets(&change, &params.target)?;
        let alive = vm.definitions(&change.chunk_name);
        let (known, new): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|name| alive.contains(name));
        let mut outcomes = Vec::new();
        if !known.is_empty() {
            outcomes = self.replace(vm, &change, &known, !params.check)?;
        }
        let is_named = !matches!(params.target, Target::Changed);
        let mut added = Vec::new();
        if is_named && !params.check {
            for name in &new {
                self.define(vm, &change, name)?;
            }
        }
        added.extend(new.iter().map(|name| lossy(name)));
        let removed = if is_named { Vec::new() } else { self.removed(&change) };
        let functions = outcomes.into_iter().map(redefined).collect();
        let result = RedefineResult { functions, added, removed };
        if !params.check {
            self.sources.set_running(&change.path, &change.definitions, change.text, matches!(params.target, Target::Changed), &known);
            self.settle_breakpoints(vm, &change.path);
            vm.flag(&self.breakpoints.plan(&self.sources));
            self.link.tell(&Event::Redefined { source: change.path.clone(), result: result.clone() });
        }
        Ok(result)
    }

    /// Paths of the definitions that a request means.
    fn targets(&self, change: &Change<'_>, target: &Target) -> Result<Vec<Vec<u8>>, Failure> {
        match target {
            Target::At(position) => match definition_at(change, *position) {
                Some(definition) => Ok(vec![definition.name.clone()]),
                None => Err(refused(vec![refusal("there is no named function here", *position, *position)])),
            },
            Target::Named(name) => {
                let wanted = name.replace(':', ".");
                let found = change.definitions.iter().find(|definition| {
                    let known = lossy(&definition.name);
                    !known.is_empty() && (known.replace(':', ".") == wanted || known.replace(['/', ':'], ".") == wanted)
                });
                match found {
                    Some(definition) => Ok(vec![definition.name.clone()]),
                    None => Err(refused(vec![refusal(format!("the text has no function '{name}'"), start_of(change.text), start_of(change.text))])),
                }
            }
            Target::Changed => Ok(self.changed(change)),
        }
    }

    /// Definitions at the top level whose text is not what runs.
    fn changed(&self, change: &Change<'_>) -> Vec<Vec<u8>> {
        let running = self.sources.running(&change.path, &change.chunk_name);
        let is_top = |definition: &&TextDefinition| !definition.name.is_empty() && !definition.name.contains(&b'/');
        let text = |definition: &TextDefinition| body(change.text, definition);
        change.definitions.iter().filter(is_top).filter(|d| running.get(&d.name).map(Vec::as_slice) != Some(text(d))).map(|d| d.name.clone()).collect()
    }

    fn removed(&self, change: &Change<'_>) -> Vec<String> {
        let names: HashSet<_> = change.definitions.iter().map(|d| d.name.as_slice()).collect();
        let running = self.sources.running(&change.path, &change.chunk_name);
        let mut removed: Vec<_> = running.keys().filter(|name| !name.is_empty() && !names.contains(name.as_slice())).map(|name| lossy(name)).collect();
        removed.sort();
        removed
    }

    /// Replaces definitions; variables of the module that only the new text has are initialised first.
    fn replace(&mut self, vm: &mut Vm, change: &Change<'_>, names: &[Vec<u8>], commit: bool) -> Result<Vec<Outcome>, Failure> {
        let revision = Revision { chunk_name: &change.chunk_name, text: &change.compiled, definitions: names };
        let conflicts = match vm.redefine(&revision, commit) {
            Ok(outcomes) => return Ok(outcomes),
            Err(conflicts) => conflicts,
        };
        let missing = new_variables(change, &conflicts);
        let others: Vec<_> = conflicts.iter().filter(|conflict| !is_one_of(conflict, &missing)).map(|conflict| describe(change, conflict)).collect();
        if !others.is_empty() {
            return Err(refused(others));
        }
        if !commit {
            return Ok(Vec::new());
        }
        let mut made = Vec::new();
        let result = self.initialise(vm, change, &missing, &mut made).and_then(|()| {
            vm.redefine(&revision, true).map_err(|conflicts| refused(conflicts.iter().map(|conflict| describe(change, conflict)).collect()))
        });
        if result.is_err() {
            for name in made {
                vm.remove_module_variable(&change.chunk_name, &name);
            }
        }
        result
    }

    /// Runs the initialisers of variables that are new in the text.
    fn initialise(&mut self, vm: &mut Vm, change: &Change<'_>, names: &[Vec<u8>], made: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        for name in names {
            let Some(stat) = declaration(change, name) else { continue };
            self.run_declaration(vm, change, stat, name)?;
            made.push(name.clone());
        }
        Ok(())
    }

    /// Runs a declaration of the new text and gives the module the variable.
    fn run_declaration(&mut self, vm: &mut Vm, change: &Change<'_>, stat: &Stat, name: &[u8]) -> Result<(), Failure> {
        let code = format!("{}\nreturn {}", slice(change.text, stat), lossy(name));
        let pin = self.run_statement(vm, change, stat, &code)?;
        let kept = vm.aside(|ctx| {
            ctx.push_pin(&pin);
            ctx.add_module_variable(&change.chunk_name, name)
        });
        vm.unpin(pin);
        match kept {
            Ok(Ok(())) => Ok(()),
            _ => Err(Failure::new(Code::Refused, "not enough memory")),
        }
    }

    /// Runs text in the module, at the place of a statement; gives its first value.
    fn run_statement(&mut self, vm: &mut Vm, change: &Change<'_>, stat: &Stat, code: &str) -> Result<perilune_vm::inspect::Pin, Failure> {
        let scope = vm.module_scope(&change.chunk_name);
        let place = refusal_place(change.text, stat);
        let result = self.guarded(vm, |ctx| {
            ctx.load_in(&scope, code.as_bytes(), &change.chunk_name, stat.line).map_err(|message| refused(vec![refusal(message, place.0, place.1)]))?;
            if ctx.call(0, Some(1)).is_err() {
                let message = format!("the initialiser failed: {}", error_message(ctx));
                return Err(refused(vec![refusal(message, place.0, place.1)]));
            }
            Ok(ctx.pin(-1))
        });
        vm.end_scope(scope);
        result
    }

    /// Makes a function that the program does not have, by running its definition alone.
    fn define(&mut self, vm: &mut Vm, change: &Change<'_>, name: &[u8]) -> Result<(), Failure> {
        let definition = change.definitions.iter().find(|definition| definition.name == name);
        let stat = definition.and_then(|definition| top_statement(change, definition));
        let nowhere = || {
            let at = definition.map_or(start_of(change.text), |d| Position { line: d.lines.0.max(1), column: 1 });
            refused(vec![refusal(format!("the program has no function '{}' to redefine, and it is not defined by a statement of the module", lossy(name)), at, at)])
        };
        let stat = stat.ok_or_else(nowhere)?;
        match &stat.kind {
            StatKind::LocalFunction { name, .. } => {
                let name = change.ast.string(name.text).to_vec();
                self.run_declaration(vm, change, stat, &name)
            }
            StatKind::Local { names, .. } if names.len() == 1 => {
                let name = change.ast.string(change.ast[*names][0].0.text).to_vec();
                self.run_declaration(vm, change, stat, &name)
            }
            StatKind::Function { .. } | StatKind::Assign { .. } => {
                let pin = self.run_statement(vm, change, stat, slice(change.text, stat))?;
                vm.unpin(pin);
                Ok(())
            }
            _ => Err(nowhere()),
        }
    }
}

impl super::source::Sources {
    /// Texts of the definitions that run, by path.
    fn running(&self, path: &str, chunk_name: &[u8]) -> HashMap<Vec<u8>, Vec<u8>> {
        let text = self.text(path).unwrap_or_default();
        let text = String::from_utf8_lossy(text).into_owned();
        let mut running = HashMap::new();
        if let Ok(compiled) = NewText::compile(skip_first_line(&text).as_bytes(), chunk_name) {
            running.extend(compiled.definitions().iter().map(|d| (d.name.clone(), body(skip_first_line(&text), d).to_vec())));
        }
        for (name, text) in self.replaced(path) {
            running.insert(name.clone(), text.clone());
        }
        running
    }

    /// After a redefinition: the whole text runs, or only some definitions of it.
    fn set_running(&mut self, path: &str, definitions: &[TextDefinition], text: &str, whole: bool, names: &[Vec<u8>]) {
        if whole {
            self.set_text(path, text.as_bytes());
            self.forget_replaced(path);
            return;
        }
        for definition in definitions.iter().filter(|definition| names.contains(&definition.name)) {
            self.note_replaced(path, &definition.name, body(text, definition));
        }
    }
}

/// Syntax errors, all of them, or the compiler's complaint, as refusals.
fn compile(chunk_name: Vec<u8>, path: String, text: &str) -> Result<Change<'_>, Failure> {
    let text = skip_first_line(text);
    let parsed = perilune_syntax::parse(text.as_bytes());
    if !parsed.errors.is_empty() {
        let refusals = parsed.errors.iter().map(|error| refusal(error.message.clone(), position(text, error.span.start), position(text, error.span.end)));
        return Err(refused(refusals.collect()));
    }
    match NewText::compile(text.as_bytes(), &chunk_name) {
        Ok(compiled) => {
            let definitions = compiled.definitions();
            Ok(Change { chunk_name, path, text, compiled, definitions, ast: parsed.ast })
        }
        Err(message) => {
            let (line, message) = split_message(&message);
            let end = Position { line: line + 1, column: 1 };
            Err(refused(vec![refusal(message, Position { line, column: 1 }, end)]))
        }
    }
}

/// A first line that is no Lua is blanked, its line break kept.
fn skip_first_line(text: &str) -> &str {
    match text.strip_prefix('#') {
        Some(rest) => rest.find('\n').map_or("", |at| &rest[at..]),
        None => text,
    }
}

/// `name:line: message`.
fn split_message(message: &str) -> (u32, String) {
    let mut parts = message.splitn(3, ':');
    let (Some(_), Some(line), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return (1, message.to_owned()) };
    (line.parse().unwrap_or(1), rest.trim().to_owned())
}

/// The innermost named function around a place.
fn definition_at<'a>(change: &'a Change<'_>, at: Position) -> Option<&'a TextDefinition> {
    let offset = offset(change.text, at);
    let named = |definition: &&TextDefinition| {
        let own = lossy(&definition.name);
        let own = own.rsplit('/').next().unwrap_or_default().to_owned();
        !own.is_empty() && !own.starts_with(ANONYMOUS)
    };
    let inside = |definition: &&TextDefinition| definition.span.0 <= offset && offset <= definition.span.1;
    let on_lines = |definition: &&TextDefinition| definition.lines.0 <= at.line && at.line <= definition.lines.1;
    let size = |definition: &&TextDefinition| definition.span.1 - definition.span.0;
    let all = || change.definitions.iter().filter(named);
    all().filter(inside).min_by_key(size).or_else(|| all().filter(on_lines).min_by_key(size))
}

/// Variables of the module that conflicts name and that the new text declares at its top level.
fn new_variables(change: &Change<'_>, conflicts: &[Conflict]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for conflict in conflicts {
        if let Conflict::UnreachableVariable { variable, .. } = conflict {
            let name = variable.as_bytes().to_vec();
            if declaration(change, &name).is_some() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    // In the order of the text, as one initialiser may use another's variable.
    names.sort_by_key(|name| declaration(change, name).map(|stat| stat.span.start));
    names
}

fn is_one_of(conflict: &Conflict, names: &[Vec<u8>]) -> bool {
    matches!(conflict, Conflict::UnreachableVariable { variable, .. } if names.iter().any(|name| name == variable.as_bytes()))
}

/// The last statement of the module that declares a local of this name.
fn declaration<'a>(change: &'a Change<'_>, name: &[u8]) -> Option<&'a Stat> {
    let text = |id| change.ast.string(id);
    main_statements(change).iter().rev().find(|stat| match &stat.kind {
        StatKind::Local { names, .. } => change.ast[*names].iter().any(|(declared, _)| text(declared.text) == name),
        StatKind::LocalFunction { name: declared, .. } => text(declared.text) == name,
        _ => false,
    })
}

fn main_statements<'a>(change: &'a Change<'_>) -> &'a [Stat] {
    change.ast.functions.last().map_or(&[], |main| &change.ast[main.body.stats])
}

/// The statement of the module that a definition is the whole value of.
fn top_statement<'a>(change: &'a Change<'_>, definition: &TextDefinition) -> Option<&'a Stat> {
    let is_it = |function: perilune_syntax::ast::FunctionId| {
        let span = change.ast.functions[function.0 as usize].span;
        (span.start, span.end) == definition.span
    };
    main_statements(change).iter().find(|stat| match &stat.kind {
        StatKind::Function { function, .. } | StatKind::LocalFunction { function, .. } => is_it(*function),
        StatKind::Local { values, .. } | StatKind::Assign { values, .. } => {
            change.ast[*values].iter().any(|value| matches!(change.ast.exprs[value.0 as usize].kind, Expr::Function(function) if is_it(function)))
        }
        _ => false,
    })
}

fn describe(change: &Change<'_>, conflict: &Conflict) -> Refusal {
    let place = |name: &str| change.definitions.iter().find(|d| d.name == name.as_bytes());
    match conflict {
        Conflict::UnknownDefinition { definition } => {
            let (start, end) = place(definition).map_or((start_of(change.text), start_of(change.text)), |d| (position(change.text, d.span.0), position(change.text, d.span.1)));
            refusal(format!("the program has no function '{definition}'"), start, end)
        }
        Conflict::UnreachableVariable { definition, variable } => {
            let (start, end) = place(definition).map_or((0, 0), |d| mention(change.text, d, variable));
            let message = format!("'{definition}' uses the local variable '{variable}', which its existing closures did not capture and cannot reach");
            refusal(message, position(change.text, start), position(change.text, end))
        }
        Conflict::OutOfMemory => refusal("not enough memory", start_of(change.text), start_of(change.text)),
    }
}

/// Bytes of the first mention of a variable in a definition, or of the definition.
fn mention(text: &str, definition: &TextDefinition, variable: &str) -> (u32, u32) {
    let body = &text.as_bytes()[definition.span.0 as usize..definition.span.1 as usize];
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let name = variable.as_bytes();
    let found = body.windows(name.len().max(1)).enumerate().position(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| body.get(at));
        window == name && !is_part(before) && !is_part(body.get(at + name.len()))
    });
    match found {
        Some(at) => (definition.span.0 + at as u32, definition.span.0 + (at + name.len()) as u32),
        None => definition.span,
    }
}

fn redefined(outcome: Outcome) -> Redefined {
    Redefined { name: outcome.definition, line: outcome.line, closures: outcome.closures, running: outcome.running }
}

fn refused(refusals: Vec<Refusal>) -> Failure {
    let message = match refusals.as_slice() {
        [one] => one.message.clone(),
        _ => format!("{} reasons against the redefinition", refusals.len()),
    };
    Failure { code: Code::Refused, message, refusals }
}

fn refusal(message: impl Into<String>, start: Position, end: Position) -> Refusal {
    Refusal { message: message.into(), start, end }
}

fn refusal_place(text: &str, stat: &Stat) -> (Position, Position) {
    (position(text, stat.span.start), position(text, stat.span.end))
}

fn start_of(_: &str) -> Position {
    Position { line: 1, column: 1 }
}

/// Line and column of a byte.
fn position(text: &str, at: u32) -> Position {
    let before = &text.as_bytes()[..(at as usize).min(text.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() as u32 + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() as u32 + 1;
    Position { line, column }
}

/// Byte of a line and column.
fn offset(text: &str, at: Position) -> u32 {
    let line_start: usize = text.split_inclusive('\n').take(at.line.saturating_sub(1) as usize).map(str::len).sum();
    (line_start + at.column.saturating_sub(1) as usize).min(text.len()) as u32
}

fn slice<'a>(text: &'a str, stat: &Stat) -> &'a str {
    text.get(stat.span.start as usize..stat.span.end as usize).unwrap_or_default()
}

fn body<'a>(text: &'a str, definition: &TextDefinition) -> &'a [u8] {
    text.as_bytes().get(definition.span.0 as usize..definition.span.1 as usize).unwrap_or_default()
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
