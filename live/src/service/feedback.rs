//! What the machine has learned of functions, for clients.

use perilune_vm::Vm;
use perilune_vm::inspect::{FunctionFeedback as Function, SiteFeedback as Site, Stage as Found};

use crate::protocol::{Feedback, FeedbackResult, FunctionFeedback, SiteFeedback, Stage};

impl super::Service {
    pub(super) fn feedback(&self, vm: &Vm, params: &Feedback) -> FeedbackResult {
        let names = self.sources.chunk_names(vm, &params.source);
        let functions = names.iter().flat_map(|name| vm.feedback(name));
        let wanted = functions.filter(|it| params.line.is_none_or(|line| it.line == 0 || (it.line..=it.last_line).contains(&line)));
        FeedbackResult { functions: wanted.map(function).collect() }
    }
}

fn function(found: Function) -> FunctionFeedback {
    let (stage, countdown, code_bytes) = match found.stage {
        Found::Interpreted(countdown) => (Stage::Interpreted, countdown, 0),
        Found::Observed => (Stage::Observed, None, 0),
        Found::Compiled(bytes) => (Stage::Compiled, None, bytes),
    };
    FunctionFeedback {
        name: (!found.name.is_empty()).then(|| String::from_utf8_lossy(&found.name).into_owned()),
        lines: (found.line, found.last_line),
        stage,
        countdown,
        code_bytes,
        revisions: found.revisions,
        misses: found.misses,
        calls: found.calls,
        sites: found.sites.into_iter().map(site).collect(),
    }
}

fn site(found: Site) -> SiteFeedback {
    SiteFeedback {
        line: found.line,
        instruction: found.op.info().mnemonic.to_owned(),
        operands: found.operands.iter().map(|class| class.name().unwrap_or("unseen").to_owned()).collect(),
        result: found.result.map(str::to_owned),
        callee: found.callee,
        metamethod: found.metamethod,
        cache: found.cache.map(str::to_owned),
        misses: found.misses,
        rounds: found.rounds,
    }
}
