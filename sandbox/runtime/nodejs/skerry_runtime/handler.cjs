'use strict';
// From `_HANDLER` to a function that can be called.
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { createRequire } = require('node:module');
const { Fault } = require('./errors.cjs');

const ENDINGS = ['', '.js', '.mjs', '.cjs'];

// `folder/file.function`, also `file.object.function`.
function parse(text) {
  if (text.includes('..')) {
    throw new Fault('Runtime.MalformedHandlerName',
      `'${text}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const slash = text.lastIndexOf('/');
  const found = /^([^.]+)\.(.+)$/.exec(text.slice(slash + 1));
  if (!found) throw new Fault('Runtime.MalformedHandlerName', `Bad handler '${text}': not FILE.FUNCTION`);
  return { file: text.slice(0, slash + 1) + found[1], names: found[2].split('.') };
}

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() === true;
}

// Whether a .js file is an ES module: the nearest package.json says so.
function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (isFile(manifest)) {
      try {
        return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
      } catch {
        return false;
      }
    }
    if (folder === path.dirname(folder) || path.basename(folder) === 'node_modules') return false;
  }
}

async function importFile(root, name) {
  const require = createRequire(path.join(root, 'index.js'));
  const base = path.resolve(root, name);
  const file = ENDINGS.map((ending) => base + ending).find(isFile);
  try {
    if (file !== undefined && isModule(file)) return await import(pathToFileURL(file).href);
    // Not there: a folder with an index, or the name of a package.
    if (file !== undefined) return require(file);
    return require(fs.existsSync(base) ? base : name);
  } catch (problem) {
    throw loadFault(problem);
  }
}

function loadFault(problem) {
  if (problem instanceof SyntaxError) return new Fault('Runtime.UserCodeSyntaxError', String(problem), problem.stack);
  if (problem?.code === 'MODULE_NOT_FOUND' || problem?.code === 'ERR_MODULE_NOT_FOUND') {
    return new Fault('Runtime.ImportModuleError', String(problem), problem.stack);
  }
  return problem;
}

// Only what the code itself has, not what every object has: `file.toString` is no handler.
function member(from, name) {
  const fit = from !== null && (typeof from === 'object' || typeof from === 'function') && name in from;
  return fit && from[name] !== Object.prototype[name] ? from[name] : undefined;
}

function find(exported, names) {
  let owner;
  let at = exported;
  for (const name of names) {
    owner = at;
    at = member(at, name);
    if (at === undefined && owner === exported) {  // CommonJS that was imported, or `export default {…}`
      owner = member(exported, 'default');
      at = owner === undefined ? undefined : member(owner, name);
    }
  }
  return { owner, found: at };
}

async function load(root, text) {
  const { file, names } = parse(text);
  const exported = await importFile(root, file);
  const { owner, found } = find(exported, names);
  const shown = `${file}.${names.join('.')}`;
  if (found === undefined) {
    throw new Fault('Runtime.HandlerNotFound', `${shown} is undefined or not exported`);
  }
  if (typeof found !== 'function') throw new Fault('Runtime.HandlerNotFound', `${shown} is not a function`);
  return names.length > 1 ? found.bind(owner) : found;
}

module.exports = { load };
