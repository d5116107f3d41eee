//! What passed and what failed, and the exit code that follows.

use std::process::ExitCode;
use std::time::Instant;

#[derive(Default)]
pub struct Report {
    passed: usize,
    failures: Vec<String>,
}

impl Report {
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    pub fn fail(&mut self, name: &str, why: &str) {
        println!("FAILED {name}: {}", why.trim_end());
        self.failures.push(name.to_string());
    }

    pub fn check(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.pass(),
            Err(why) => self.fail(name, &why),
        }
    }

    /// Runs one long step and says how long it took.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), String>) {
        let start = Instant::now();
        let outcome = work();
        println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
        self.check(name, outcome);
    }

    pub fn finish(self) -> ExitCode {
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
        if self.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
