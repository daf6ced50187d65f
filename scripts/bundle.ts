// The program in a few files: what is shipped, and what the slow tests run. More than half of the
// CPU time of a start from the sources goes into finding and linking 700 of them.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const sources = join(root, 'packages/gateway/src')
const ENTRIES = [
  'main.ts',
  'integration-worker.ts',
  'data-plane-worker.ts',
  'redaction-worker.ts',
  'demo/api.ts',
]

/** The dependencies that are not bundled in: the pinned packages of the registry. */
export function externalDependencies(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(readFileSync(join(sources, '../package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  return Object.fromEntries(
    Object.entries(manifest.dependencies).filter(([name]) => !name.startsWith('@countersign/')),
  )
}

/** Writes `main.js` and all that it starts or serves. */
export async function bundleProgram(directory: string): Promise<void> {
  await build({
    entryPoints: ENTRIES.map((file) => join(sources, file)),
    outbase: sources,
    outdir: directory,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: Object.keys(externalDependencies()).flatMap((name) => [name, `${name}/*`]),
    legalComments: 'none',
    logLevel: 'warning',
  })
  copyFileSync(join(root, 'packages/console/src/index.html'), join(directory, 'console.html'))
}

/** The same, named by what it contains, so that its compiled code is found again: its `main.js`. */
export async function bundledProgram(cache: string): Promise<string> {
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'program-'))
  await bundleProgram(fresh)
  const contents = createHash('sha256')
  for (const file of globSync('**/*.js', { cwd: fresh }).sort()) {
    contents.update(readFileSync(join(fresh, file)))
  }
  const directory = join(cache, `program-${contents.digest('hex').slice(0, 16)}`)
  if (existsSync(directory)) rmSync(fresh, { recursive: true })
  else renameSync(fresh, directory)
  return join(directory, 'main.js')
}
