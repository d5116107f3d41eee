// The REPL, in a terminal of the editor.

import * as vscode from "vscode";
import { findProgramOrTell } from "./executable";
import { pickSession } from "./sessions";

export function registerTerminal(context: vscode.ExtensionContext): void {
  context.subscriptions.push(
    vscode.commands.registerCommand("perilune.repl", () => show("Perilune", [])),
    vscode.commands.registerCommand("perilune.replAttach", attach),
  );
}

async function attach(): Promise<void> {
  const session = await pickSession();
  if (session !== undefined) {
    await show(`Perilune ${session.pid}`, ["--attach", `${session.pid}`]);
  }
}

async function show(name: string, args: string[]): Promise<void> {
  const program = await findProgramOrTell();
  if (program !== undefined) {
    vscode.window.createTerminal({ name, shellPath: program, shellArgs: ["repl", ...args] }).show();
  }
}
