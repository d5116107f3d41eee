// Finding the `perilune` program.

import * as fs from "fs/promises";
import { constants } from "fs";
import * as os from "os";
import * as path from "path";
import * as vscode from "vscode";

/** The program is not where it should be; the message says where that is. */
export class MissingProgram extends Error {}

/** The program's absolute path: the setting's, else the first in the search path. */
export async function findProgram(): Promise<string> {
  const setting = vscode.workspace.getConfiguration("perilune").get<string>("path", "").trim();
  if (setting !== "") {
    const program = expand(setting);
    if (await isExecutable(program)) {
      return program;
    }
    throw new MissingProgram(`The setting perilune.path names ${program}, which is not a program.`);
  }
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const program = path.join(folder, process.platform === "win32" ? "perilune.exe" : "perilune");
    if (path.isAbsolute(program) && (await isExecutable(program))) {
      return program;
    }
  }
  throw new MissingProgram("The program perilune is not in the search path. The setting perilune.path can say where it is.");
}

/** As `findProgram`; tells the person, who can open the setting from there, when there is none. */
export async function findProgramOrTell(): Promise<string | undefined> {
  try {
    return await findProgram();
  } catch (error) {
    if (!(error instanceof MissingProgram)) {
      throw error;
    }
    void tell(error);
    return undefined;
  }
}

async function tell(error: MissingProgram): Promise<void> {
  const open = "Open Setting";
  if ((await vscode.window.showErrorMessage(error.message, open)) === open) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "perilune.path");
  }
}

function expand(setting: string): string {
  const root = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const named = setting.replace(/\$\{workspaceFolder\}/g, root).replace(/^~(?=$|[\\/])/, os.homedir());
  return path.resolve(root, named);
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await fs.access(file, constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}
