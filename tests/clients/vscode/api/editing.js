// The language server through the editor.

const vscode = require("vscode");
const assert = require("node:assert");
const { until } = require("../../support/wait");
const { uri, open, goTo } = require("./workbench");

module.exports = {
  "the extension starts": async () => {
    const extension = vscode.extensions.getExtension("perilune.perilune");
    await extension.activate();
    assert.ok(extension.isActive);
  },

  "an error is shown where it is": async () => {
    await open("broken.lua");
    const diagnostics = await until("diagnostics", () => {
      const all = vscode.languages.getDiagnostics(uri("broken.lua"));
      return all.length > 0 && all;
    });
    const error = diagnostics.find((each) => each.severity === vscode.DiagnosticSeverity.Error);
    assert.equal(error.source, "perilune");
    assert.equal(error.range.start.line, 2);
  },

  "a definition is found and renamed": async () => {
    const editor = await open("app.lua");
    const use = goTo(editor, "greet(count)");
    const [definition] = await vscode.commands.executeCommand("vscode.executeDefinitionProvider", editor.document.uri, use);
    assert.equal((definition.targetSelectionRange ?? definition.range).start.line, 0);
    const edit = await vscode.commands.executeCommand("vscode.executeDocumentRenameProvider", editor.document.uri, use, "salute");
    assert.equal(edit.get(editor.document.uri).length, 2);
  },

  "Lua files use the language of the extension": async () => {
    const { document } = await open("app.lua");
    assert.equal(document.languageId, "lua");
    const { packageJSON } = vscode.extensions.getExtension("perilune.perilune");
    assert.equal(packageJSON.contributes.grammars[0].scopeName, "source.lua");
  },

  "Enter indents by the rules of the language": async () => {
    const document = await vscode.workspace.openTextDocument({ language: "lua", content: "" });
    const editor = await vscode.window.showTextDocument(document);
    editor.options = { insertSpaces: true, tabSize: 2 };
    for (const text of ["if x then", "\n", "f(function()", "\n", "y = 1", "\n", "end)", "\n", "end"]) {
      await vscode.commands.executeCommand("type", { text });
      // The rules ask for tokens, which the editor makes in the background: nobody types faster than that.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(document.getText(), "if x then\n  f(function()\n    y = 1\n  end)\nend");
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  },

  "Enter before a closing bracket opens a line for the body": async () => {
    const document = await vscode.workspace.openTextDocument({ language: "lua", content: "f(function())" });
    const editor = await vscode.window.showTextDocument(document);
    editor.options = { insertSpaces: true, tabSize: 2 };
    const place = new vscode.Position(0, "f(function()".length);
    editor.selection = new vscode.Selection(place, place);
    await vscode.commands.executeCommand("type", { text: "\n" });
    await vscode.commands.executeCommand("type", { text: "y = 1" });
    assert.equal(document.getText(), "f(function()\n  y = 1\n)");
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  },

  "a missing program is told, and the server comes back": async () => {
    const settings = vscode.workspace.getConfiguration("perilune");
    const path = settings.get("path");
    await settings.update("path", "/nowhere/perilune", vscode.ConfigurationTarget.Global);
    await until("no diagnostics", () => vscode.languages.getDiagnostics(uri("broken.lua")).length === 0);
    await settings.update("path", path, vscode.ConfigurationTarget.Global);
    await open("broken.lua");
    await until("diagnostics", () => vscode.languages.getDiagnostics(uri("broken.lua")).length > 0);
  },
};
