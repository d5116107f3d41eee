// Entry of the extension: wires the parts together and owns nothing else.
//
// What is known about Lua stands in the `perilune` program; the parts here
// start it and carry its answers to the editor.

import * as vscode from "vscode";
import { Server } from "./server";
import { registerDebugger } from "./debugger";
import { CoroutineView, registerCoroutines } from "./coroutines";
import { registerRedefinition } from "./redefinition";
import { registerTerminal } from "./terminal";

/** What other extensions, and tests, may use. */
export interface Api {
  /** The tree of coroutines of the active debug session. */
  readonly coroutines: CoroutineView;
}

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  server = new Server();
  registerDebugger(context);
  registerRedefinition(context, server);
  registerTerminal(context);
  const coroutines = registerCoroutines(context);
  context.subscriptions.push(
    vscode.commands.registerCommand("perilune.restartServer", () => server?.restart()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("perilune.path")) {
        void server?.restart();
      }
    }),
  );
  await server.start();
  return { coroutines };
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
