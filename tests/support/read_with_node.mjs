// Prints the rows of statements in a DuckDB file, as `@duckdb/node-api` gives them: node read_with_node.mjs MODULES FILE
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, file] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(`${modules}/`)("@duckdb/node-api");
const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
const connection = await instance.connect();
const answers = [];
for (const statement of JSON.parse(readFileSync(0, "utf8"))) {
  answers.push((await connection.runAndReadAll(statement)).getRowsJson());
}
process.stdout.write(JSON.stringify(answers));
