// A client of the language server on the protocol library of VS Code.

const { spawn } = require("node:child_process");
const { pathToFileURL } = require("node:url");
const lsp = require("vscode-languageserver-protocol/node");
const { program } = require("../support/program");
const { until, within } = require("../support/wait");

/** What a client like VS Code says it can do; tests take parts away or add some. */
const CAPABILITIES = {
  general: { positionEncodings: ["utf-16"] },
  workspace: { workspaceEdit: { documentChanges: true }, executeCommand: {} },
  textDocument: {
    publishDiagnostics: { relatedInformation: true, tagSupport: { valueSet: [1, 2] } },
    documentSymbol: { hierarchicalDocumentSymbolSupport: true },
    hover: { contentFormat: ["markdown", "plaintext"] },
    rename: { prepareSupport: true },
  },
};

class Client {
  constructor(where) {
    this.where = where;
    this.child = spawn(program, ["lsp"], { cwd: where.folder, env: where.environment, stdio: ["pipe", "pipe", "inherit"] });
    this.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve(code ?? signal)));
    const reader = new lsp.StreamMessageReader(this.child.stdout);
    // A server that is killed in the middle of a message would leave a timer that starts itself again for ever.
    reader.partialMessageTimeout = 0;
    this.connection = lsp.createProtocolConnection(
      reader,
      new lsp.StreamMessageWriter(this.child.stdin),
    );
    this.version = 1;
    this.published = new Map();
    this.shown = [];
    this.connection.onNotification(lsp.PublishDiagnosticsNotification.type, (note) => this.published.set(note.uri, note));
    this.connection.onNotification(lsp.ShowMessageNotification.type, (note) => this.shown.push(note.message));
    this.connection.onRequest(lsp.DiagnosticRefreshRequest.type, () => this.onRefresh?.());
    // What else the server asks a client for is answered without content.
    this.connection.onRequest(() => null);
    this.connection.listen();
    where.later(() => this.kill());
  }

  async initialize(capabilities = CAPABILITIES) {
    const uri = pathToFileURL(this.where.folder).href;
    const result = await this.request("initialize", {
      processId: process.pid,
      rootUri: uri,
      capabilities,
      workspaceFolders: [{ uri, name: "w" }],
    });
    await this.notify("initialized", {});
    return result;
  }

  request(method, ...params) {
    return within(`the answer to ${method}`, this.connection.sendRequest(method, ...params));
  }

  notify(method, ...params) {
    return this.connection.sendNotification(method, ...params);
  }

  uri(name) {
    return pathToFileURL(this.where.path(name)).href;
  }

  async open(name, text) {
    this.version = 1;
    const textDocument = { uri: this.uri(name), languageId: "lua", version: this.version, text };
    await this.notify("textDocument/didOpen", { textDocument });
  }

  /** Replaces a range, or the whole text when there is none. */
  async change(name, text, range) {
    const textDocument = { uri: this.uri(name), version: ++this.version };
    await this.notify("textDocument/didChange", { textDocument, contentChanges: [range ? { range, text } : { text }] });
  }

  /** The request with a document and a place, such as `hover`. */
  at(method, name, line, character, more = {}) {
    return this.request(`textDocument/${method}`, { textDocument: { uri: this.uri(name) }, position: { line, character }, ...more });
  }

  /** The request about a whole document. */
  about(method, name, more = {}) {
    return this.request(`textDocument/${method}`, { textDocument: { uri: this.uri(name) }, ...more });
  }

  /** The diagnostics of the version that was sent last. */
  async diagnostics(name) {
    const uri = this.uri(name);
    const note = await until(`diagnostics of ${name}`, () => {
      const last = this.published.get(uri);
      return last?.version === this.version && last;
    });
    return note.diagnostics;
  }

  /** Ends the server as the protocol wants it; its exit code. */
  async end() {
    await this.request("shutdown");
    await this.notify("exit");
    return within("the end of the server", this.ended);
  }

  async kill() {
    this.connection.dispose();
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** A client that is connected and initialized. */
async function connect(where, capabilities) {
  const client = new Client(where);
  client.offers = (await client.initialize(capabilities)).capabilities;
  return client;
}

module.exports = { CAPABILITIES, Client, connect };
