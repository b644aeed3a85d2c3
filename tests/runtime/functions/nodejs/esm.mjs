import { readFileSync } from 'node:fs';

export async function handler(event) { return [typeof readFileSync, event]; }
