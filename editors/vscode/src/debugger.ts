// The debugger: which adapter to run, and configurations that the person did not write.

import * as vscode from "vscode";
import { findProgramOrTell } from "./executable";
import { pickSession } from "./sessions";

/** The debug type, as package.json contributes it. */
export const DEBUG_TYPE = "perilune";

export function registerDebugger(context: vscode.ExtensionContext): void {
  const dynamic = vscode.DebugConfigurationProviderTriggerKind.Dynamic;
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, { createDebugAdapterDescriptor }),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, { resolveDebugConfiguration, resolveDebugConfigurationWithSubstitutedVariables }),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, { provideDebugConfigurations }, dynamic),
    vscode.commands.registerCommand("perilune.pickSession", async () => (await pickSession())?.pid.toString()),
  );
}

async function createDebugAdapterDescriptor(): Promise<vscode.DebugAdapterDescriptor | undefined> {
  const program = await findProgramOrTell();
  return program === undefined ? undefined : new vscode.DebugAdapterExecutable(program, ["dap"]);
}

function launch(program: string): vscode.DebugConfiguration {
  return { type: DEBUG_TYPE, request: "launch", name: "Run the current file", program };
}

/** Offered by the debug view without a launch.json. */
function provideDebugConfigurations(): vscode.DebugConfiguration[] {
  return [
    launch("${file}"),
    { type: DEBUG_TYPE, request: "attach", name: "Attach to a running program", processId: "${command:PickSession}" },
  ];
}

/** F5 without a configuration runs the Lua file that is being edited. */
async function resolveDebugConfiguration(
  _folder: vscode.WorkspaceFolder | undefined,
  config: vscode.DebugConfiguration,
): Promise<vscode.DebugConfiguration | undefined> {
  if (config.type || config.request || config.name) {
    return config;
  }
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId !== "lua" || document.uri.scheme !== "file") {
    void vscode.window.showInformationMessage("Open the Lua file that shall be run.");
    return undefined;
  }
  return launch(document.uri.fsPath);
}

/** The adapter wants the process as a number; variables are substituted as text. */
async function resolveDebugConfigurationWithSubstitutedVariables(
  folder: vscode.WorkspaceFolder | undefined,
  config: vscode.DebugConfiguration,
): Promise<vscode.DebugConfiguration | undefined> {
  if (config.request === "launch") {
    return { cwd: folder?.uri.fsPath, ...config };
  }
  if (config.session !== undefined) {
    return config;
  }
  const processId = config.processId ?? (await pickSession())?.pid;
  return processId === undefined ? undefined : { ...config, processId: Number(processId) };
}
