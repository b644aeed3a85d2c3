// Each attempt as a child of the interpreter, in its jail and under its filter.
const { spawnSync } = require("child_process");

exports.handler = async (event) => {
  if (event === "end") process.exit(0);
  return spawnSync("/var/task/attempts", [event], { encoding: "utf8" }).stdout;
};
