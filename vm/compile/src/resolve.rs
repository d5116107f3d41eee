//! From a name to a local variable, an upvalue, a constant or a global.

use crate::Compiler;
use crate::constants::Constant;
use crate::error::{Next, Result};
use crate::exp::{Exp, Kind};
use crate::function::{Function, Known, Upvalue, VarKind};
use perilune_syntax::ast::StrId;

/// What a name means in some function.
enum Found {
    Local { register: u8, active: usize, kind: VarKind },
    Upvalue(u8),
    Known(Known),
}

impl Compiler<'_> {
    pub(crate) fn name(&mut self, name: StrId) -> Result<Exp> {
        if let Some(found) = self.variable(name)? {
            return Ok(found);
        }
        let env_name = self.env_name;
        let mut env = self.variable(env_name)?.unwrap_or(Exp::VOID);
        self.f.to_any_or_upvalue(&mut env)?;
        let mut key = self.string(name);
        self.f.index(&mut env, &mut key)?;
        Ok(env)
    }

    pub(crate) fn string(&mut self, text: StrId) -> Exp {
        Exp::new(Kind::K(self.f.constants.add(Constant::Str(text))))
    }

    fn variable(&mut self, name: StrId) -> Result<Option<Exp>> {
        let depth = self.enclosing.len();
        Ok(self.find(depth, name)?.map(|found| match found {
            Found::Local { register, active, .. } => Exp::new(Kind::Local(register, active as u16)),
            Found::Upvalue(index) => Exp::new(Kind::Upvalue(index)),
            Found::Known(Known::Plain(kind)) => Exp::new(kind),
            Found::Known(Known::Str(text)) => self.string(text),
        }))
    }

    fn function(&mut self, depth: usize) -> &mut Function {
        self.enclosing.get_mut(depth).unwrap_or(&mut self.f)
    }

    /// Looks a name up in the function at `depth`, and outwards; makes the upvalues on the way.
    fn find(&mut self, depth: usize, name: StrId) -> Result<Option<Found>> {
        // Walks outwards first, so that deep nesting costs no native stack.
        let mut at = depth;
        let mut found = loop {
            if let Some(found) = self.function(at).own(name) {
                break found;
            }
            if at == 0 {
                return Ok(None);
            }
            at -= 1;
        };
        while at < depth {
            found = match found {
                Found::Known(known) => {
                    self.function(depth).note_known(name, known);
                    return Ok(Some(Found::Known(known)));
                }
                Found::Local { register, active, kind } => {
                    self.function(at).mark_captured(active);
                    let read_only = kind != VarKind::Regular;
                    let upvalue = Upvalue { name, in_stack: true, index: register, read_only };
                    Found::Upvalue(self.function(at + 1).add_upvalue(upvalue)?)
                }
                Found::Upvalue(index) => {
                    let read_only = self.function(at).upvalues[usize::from(index)].read_only;
                    let upvalue = Upvalue { name, in_stack: false, index, read_only };
                    Found::Upvalue(self.function(at + 1).add_upvalue(upvalue)?)
                }
            };
            at += 1;
        }
        Ok(Some(found))
    }

    /// An error, at what follows byte `end`, if the variable may not be assigned to.
    pub(crate) fn check_assignable(&self, name: StrId, target: &Exp, end: u32) -> Result<()> {
        let read_only = match target.kind {
            Kind::Local(_, active) => self.f.actives[usize::from(active)].kind != VarKind::Regular,
            Kind::Upvalue(index) => self.f.upvalues[usize::from(index)].read_only,
            Kind::IndexUpvalue { .. } | Kind::IndexField { .. } | Kind::Indexed { .. } => false,
            // A compile-time constant is a plain value by now.
            _ => true,
        };
        if read_only {
            let name = String::from_utf8_lossy(crate::text(self.ast, name));
            return self.f.error_at(Next::Line(end), format!("attempt to assign to const variable '{name}'"));
        }
        Ok(())
    }
}

impl Function {
    fn own(&self, name: StrId) -> Option<Found> {
        if let Some(active) = self.active_names.iter().rposition(|known| *known == name) {
            let variable = self.actives[active];
            return Some(match variable.kind {
                VarKind::Known(known) => Found::Known(known),
                kind => Found::Local { register: variable.register, active, kind },
            });
        }
        self.upvalues.iter().position(|u| u.name == name).map(|index| Found::Upvalue(index as u8))
    }

    fn add_upvalue(&mut self, upvalue: Upvalue) -> Result<u8> {
        if self.upvalues.len() >= 255 {
            return self.limit("upvalues", 255);
        }
        self.upvalues.push(upvalue);
        Ok((self.upvalues.len() - 1) as u8)
    }
}
