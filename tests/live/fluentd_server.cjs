// A forward server that appends each event to a file, as one line of JSON with the chunk that it came in.
//
//     node fluentd_server.cjs MODULE '{"port": 24224, "file": "events.jsonl", "security": {...}, "tls": {...}}'
//
// "security" is that of FluentServer; "tls" names files: key, cert, and ca where clients have to show a certificate.
const fs = require("fs");
const path = require("path");
const [module_, options] = [process.argv[2], JSON.parse(process.argv[3])];
const { FluentServer } = require(module_);
const protocol = require(path.join(module_, "build", "src", "protocol.js"));

// Events do not tell of their chunk. Each message is read and taken apart within one turn, so the latest is theirs.
let latest = {};
const parse = protocol.parseTransport;
protocol.parseTransport = (message) => {
  const parsed = parse(message);
  latest = { chunk: parsed.chunk, compressed: (message[2] || {}).compressed };
  return parsed;
};

const tls = options.tls && Object.fromEntries(
  Object.entries(options.tls).map(([name, file]) => [name, fs.readFileSync(file)])
);
const server = new FluentServer({
  security: options.security,
  tlsOptions: tls && { ...tls, requestCert: "ca" in tls, rejectUnauthorized: "ca" in tls },
  listenOptions: { port: options.port, host: "127.0.0.1" },
});
const file = fs.openSync(options.file, "a");
server.on("entry", (tag, time, record) => {
  fs.writeSync(file, JSON.stringify({ tag, time: [time.epoch, time.nano], record, ...latest }) + "\n");
});
server.listen();
// Between two turns, so that what is acknowledged is written.
process.on("SIGTERM", () => process.exit(0));
