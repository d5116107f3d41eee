// The programs that run and can be attached to, as `perilune sessions` lists them.

import { execFile } from "child_process";
import * as path from "path";
import { promisify } from "util";
import * as vscode from "vscode";
import { findProgramOrTell } from "./executable";

/** A running program. */
export interface Session {
  readonly pid: number;
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly started: number;
}

const PATIENCE_MS = 10_000;

/** All programs that can be attached to; nothing when the program is missing or fails, which is told. */
async function listSessions(): Promise<Session[] | undefined> {
  const program = await findProgramOrTell();
  if (program === undefined) {
    return undefined;
  }
  try {
    const options = { timeout: PATIENCE_MS, encoding: "utf8" } as const;
    const { stdout } = await promisify(execFile)(program, ["sessions", "--format=json"], options);
    return JSON.parse(stdout) as Session[];
  } catch (error) {
    void vscode.window.showErrorMessage(`The running programs cannot be listed: ${String(error)}`);
    return undefined;
  }
}

interface SessionItem extends vscode.QuickPickItem {
  readonly session: Session;
}

function item(session: Session): SessionItem {
  const started = new Date(session.started * 1000).toLocaleTimeString();
  return {
    session,
    label: path.basename(session.program),
    description: [`${session.pid}`, ...session.args].join(" "),
    detail: `${session.program}, since ${started}`,
  };
}

/** Lets the person choose a running program. */
export async function pickSession(): Promise<Session | undefined> {
  const sessions = await listSessions();
  if (sessions === undefined) {
    return undefined;
  }
  if (sessions.length === 0) {
    const how = "No program runs that can be attached to. Start one with: perilune run --live FILE";
    void vscode.window.showInformationMessage(how);
    return undefined;
  }
  const chosen = await vscode.window.showQuickPick(sessions.map(item), {
    placeHolder: "The program to attach to",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.session;
}
