// Redefinition of functions in the running program, by the language server.
//
// The server tells the person what came of it, and marks refusals in the text.

import * as vscode from "vscode";
import { Server } from "./server";

export function registerRedefinition(context: vscode.ExtensionContext, server: Server): void {
  const register = (id: string, command: string): vscode.Disposable =>
    vscode.commands.registerTextEditorCommand(id, (editor) => redefine(server, command, editor));
  context.subscriptions.push(
    register("perilune.redefineFunction", "perilune.redefine"),
    register("perilune.redefineChangedFunctions", "perilune.redefineFile"),
  );
}

async function redefine(server: Server, command: string, editor: vscode.TextEditor): Promise<void> {
  const { line, character } = editor.selection.active;
  const uri = server.uriOf(editor.document);
  try {
    await server.execute(command, { uri, position: { line, character } });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(`Not redefined: ${why}`);
  }
}
