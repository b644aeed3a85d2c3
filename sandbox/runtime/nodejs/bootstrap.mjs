// What a worker of kind nodejs executes. The rest is CommonJS: it loads faster than modules do.
import { createRequire } from 'node:module';

createRequire(import.meta.url)('./skerry_runtime/loop.cjs').main();
