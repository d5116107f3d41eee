// The view *Coroutines*: those of the active debug session, by status.

import * as path from "path";
import * as vscode from "vscode";
import { DEBUG_TYPE } from "./debugger";

interface Location {
  readonly source: { readonly path?: string; readonly name?: string };
  readonly line: number;
}

/** A coroutine, as the adapter's request `perilune/coroutines` tells. */
export interface Coroutine {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  readonly resumer?: number;
  readonly created?: Location;
  readonly location?: Location;
}

interface Group {
  readonly status: string;
  readonly members: readonly Coroutine[];
}

type Node = Group | Coroutine;

const STATUSES = ["running", "normal", "suspended", "dead"];
const ICONS: Readonly<Record<string, string>> = {
  running: "debug-start",
  normal: "arrow-swap",
  suspended: "debug-pause",
};

/** The tree's content. */
export class CoroutineView implements vscode.TreeDataProvider<Node> {
  private coroutines: readonly Coroutine[] = [];
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  /** Counts the questions, so that a late answer does not replace a later one. */
  private asked = 0;

  /** Asks the active session again; without one the view is empty. */
  async refresh(): Promise<void> {
    const turn = ++this.asked;
    const coroutines = await this.ask();
    if (turn === this.asked) {
      this.coroutines = coroutines;
      this.changed.fire();
    }
  }

  private async ask(): Promise<readonly Coroutine[]> {
    const session = vscode.debug.activeDebugSession;
    if (session?.type !== DEBUG_TYPE) {
      return [];
    }
    try {
      const answer = (await session.customRequest("perilune/coroutines")) as { coroutines: Coroutine[] };
      return answer.coroutines;
    } catch {
      // The session is just beginning or ending; its next event asks again.
      return [];
    }
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) {
      return this.groups();
    }
    return "members" in node ? [...node.members] : [];
  }

  private groups(): Group[] {
    const groups = STATUSES.map((status) => ({ status, members: this.coroutines.filter((each) => each.status === status) }));
    return groups.filter((group) => group.members.length > 0);
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return "members" in node ? this.groupItem(node) : this.coroutineItem(node);
  }

  private groupItem(group: Group): vscode.TreeItem {
    const title = group.status[0].toUpperCase() + group.status.slice(1);
    const item = new vscode.TreeItem(title, vscode.TreeItemCollapsibleState.Expanded);
    item.id = group.status;
    item.description = `${group.members.length}`;
    return item;
  }

  private coroutineItem(coroutine: Coroutine): vscode.TreeItem {
    const item = new vscode.TreeItem(coroutine.name);
    item.id = `${coroutine.status}/${coroutine.id}`;
    item.iconPath = new vscode.ThemeIcon(ICONS[coroutine.status] ?? "circle-outline");
    item.description = place(coroutine.location);
    item.tooltip = this.story(coroutine);
    item.command = open(coroutine.location);
    item.accessibilityInformation = { label: `${coroutine.name}, ${coroutine.status}, ${place(coroutine.location)}` };
    return item;
  }

  private story(coroutine: Coroutine): string {
    const lines = [`${coroutine.name}: ${coroutine.status}`];
    const resumer = this.coroutines.find((each) => each.id === coroutine.resumer);
    if (resumer !== undefined) {
      lines.push(`resumed by ${resumer.name}`);
    }
    if (coroutine.created !== undefined) {
      lines.push(`created at ${place(coroutine.created)}`);
    }
    return lines.join("\n");
  }
}

function place(location: Location | undefined): string {
  if (location === undefined) {
    return "";
  }
  const { source, line } = location;
  const name = source.path === undefined ? (source.name ?? "?") : path.basename(source.path);
  return `${name}:${line}`;
}

/** What a click does: it shows the line. Code that came from no file is not shown. */
function open(location: Location | undefined): vscode.Command | undefined {
  if (location?.source.path === undefined) {
    return undefined;
  }
  const start = new vscode.Position(Math.max(location.line - 1, 0), 0);
  const options: vscode.TextDocumentShowOptions = { selection: new vscode.Range(start, start) };
  return { command: "vscode.open", title: "Show", arguments: [vscode.Uri.file(location.source.path), options] };
}

const REFRESHING = new Set(["stopped", "continued"]);

export function registerCoroutines(context: vscode.ExtensionContext): CoroutineView {
  const view = new CoroutineView();
  const refresh = (): Promise<void> => view.refresh();
  const tracker: vscode.DebugAdapterTracker = {
    onDidSendMessage: (message: { type: string; event?: string; command?: string }) => {
      const isEvent = message.type === "event" && REFRESHING.has(message.event ?? "");
      // The adapter sends no event after a request to go on: the answer implies it.
      const isResumption = message.type === "response" && message.command === "continue";
      if (isEvent || isResumption) {
        void refresh();
      }
    },
  };
  context.subscriptions.push(
    vscode.window.registerTreeDataProvider("perilune.coroutines", view),
    vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, { createDebugAdapterTracker: () => tracker }),
    vscode.debug.onDidChangeActiveDebugSession(refresh),
    vscode.debug.onDidTerminateDebugSession(refresh),
    vscode.commands.registerCommand("perilune.refreshCoroutines", refresh),
  );
  return view;
}
