// The language server's life: `perilune lsp` on standard input and output.

import * as vscode from "vscode";
import { ExecuteCommandRequest, LanguageClient, type LanguageClientOptions } from "vscode-languageclient/node";
import { findProgramOrTell } from "./executable";

/** The running language server, when there is one. */
export class Server {
  private client: LanguageClient | undefined;
  /** Starts and stops happen one after the other. */
  private turn: Promise<void> = Promise.resolve();

  /** Starts the server unless it runs; tells the person when the program is missing. */
  start(): Promise<void> {
    return this.next(() => this.open());
  }

  /** Ends the server and waits until it is gone. */
  stop(): Promise<void> {
    return this.next(() => this.close());
  }

  /** Ends the server and starts it again, with the settings of now. */
  restart(): Promise<void> {
    return this.next(async () => {
      await this.close();
      await this.open();
    });
  }

  /** Runs a command of the server and returns its result; throws when the server does not run. */
  async execute(command: string, argument: unknown): Promise<unknown> {
    if (this.client === undefined) {
      throw new Error("the language server does not run");
    }
    return this.client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] });
  }

  /** The document's name in the protocol. */
  uriOf(document: vscode.TextDocument): string {
    return this.client?.code2ProtocolConverter.asUri(document.uri) ?? document.uri.toString();
  }

  private next(work: () => Promise<void>): Promise<void> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async open(): Promise<void> {
    if (this.client !== undefined) {
      return;
    }
    const command = await findProgramOrTell();
    if (command === undefined) {
      return;
    }
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: "file", language: "lua" },
        { scheme: "untitled", language: "lua" },
      ],
      diagnosticCollectionName: "perilune",
    };
    const client = new LanguageClient("perilune", "Perilune", { command, args: ["lsp"] }, options);
    try {
      await client.start();
      this.client = client;
    } catch (error) {
      void vscode.window.showErrorMessage(`The language server ${command} does not start: ${String(error)}`);
    }
  }

  private async close(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose();
  }
}
