import { fileURLToPath } from 'node:url'

// Run from a checkout, this is src/compose/program-files.ts; built, it is part of a file in dist/.
const isBuilt = import.meta.url.endsWith('.js')

type Program = 'integration-worker' | 'data-plane-worker' | 'redaction-worker' | 'demo/api'

/** Where a program of ours lies that runs beside this one: a worker, or the demo API. */
export function programFile(name: Program): string {
  const place = isBuilt ? `./${name}.js` : `../${name}.ts`
  return fileURLToPath(new URL(place, import.meta.url))
}

/** The console's page. */
export function consoleFile(): string {
  return isBuilt
    ? fileURLToPath(new URL('./console.html', import.meta.url))
    : fileURLToPath(import.meta.resolve('@countersign/console/index.html'))
}
