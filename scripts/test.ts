// Runs one tier of the tests: node scripts/test.ts unit|faults|interop|e2e [file …]
// Ends with one line, `N passed, N failed`, and exits 1 unless all of them passed.
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'

const TIERS: Readonly<Record<string, readonly string[]>> = {
  unit: [
    'packages/*/src/**/*.test.ts',
    'test/*.test.ts',
    'test/{acme,admin,approval,config,demo,doctor,identity,policy}/**/*.test.ts',
    'test/{proxy,sim,systemd,tamper,verify}/**/*.test.ts',
  ],
  faults: ['test/faults/**/*.test.ts'],
  interop: ['test/interop/**/*.test.ts'],
  e2e: ['test/{e2e,pack}/**/*.test.ts'],
}
/** How long one file may take; a tier other than `unit` is allowed to be slow. */
const UNIT_FILE_MS_MAX = 180_000
const FILE_MS_MAX = 1_800_000
/** What says how soon or how fast something is: nothing else runs beside it. */
const ALONE = [
  'e2e/containment.test.ts',
  'e2e/reload.test.ts',
  'e2e/overload.test.ts',
  'e2e/restart.test.ts',
  'e2e/hostile-clients.test.ts',
  'e2e/load.test.ts',
  'e2e/upstream-faults.test.ts',
  'e2e/refusal-flood.test.ts',
  'e2e/workers.test.ts',
]

/**
 * Rooms of functions and seeded machines: their files share a few processes, because most of the
 * time of each would be its start. None of them has hooks, or state, that others could feel.
 */
const JOINED = [
  'packages/{evidence,tlog}/src/**/*.test.ts',
  'packages/gateway/src/{approval,containment,http1,identity,limits,policy,telemetry}/**/*.test.ts',
]
const JOINED_FILES = 2

const root = join(import.meta.dirname, '..')
const cache = join(root, 'node_modules/.cache')
const [tier = 'unit', ...chosen] = process.argv.slice(2)
const patterns = TIERS[tier]
if (patterns === undefined) {
  process.stderr.write(`unknown tier ${tier}: one of ${Object.keys(TIERS).join(', ')}\n`)
  process.exit(2)
}
const found = patterns.flatMap((pattern) => globSync(pattern, { cwd: root })).sort()
const files = chosen.length > 0 ? chosen : tier === 'unit' ? joined(found) : found
if (files.length === 0) {
  // A glob that matches nothing must not pass for a green run.
  process.stderr.write(`no test file matches ${patterns.join(' ')}\n`)
  process.exit(1)
}

// What one process has compiled the next one reads: of a small test file that is most of its time.
process.env.NODE_COMPILE_CACHE ??= join(cache, 'compiled')
if (tier === 'faults' || tier === 'e2e') {
  const { bundledProgram } = await import('./bundle.ts')
  process.env.COUNTERSIGN_MAIN ??= await bundledProgram(cache)
}

const count = { passed: 0, failed: 0, skipped: 0 }
const alone = files.filter((file) => ALONE.some((name) => file.endsWith(name)))
await runFiles(
  files.filter((file) => !alone.includes(file)),
  2,
)
await runFiles(alone, 1)
const skips = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
process.stdout.write(`${count.passed} passed, ${count.failed} failed${skips}\n`)
process.exitCode = count.failed === 0 && count.passed > 0 ? 0 : 1

/** Puts a few files that import others in the place of those. */
function joined(all: readonly string[]): readonly string[] {
  const small = new Set(JOINED.flatMap((pattern) => globSync(pattern, { cwd: root })))
  mkdirSync(cache, { recursive: true })
  const bundles = Array.from({ length: JOINED_FILES }, (_, nth) => {
    const mine = all.filter((file) => small.has(file)).filter((_, at) => at % JOINED_FILES === nth)
    const imports = mine.map((file) => `import '${pathToFileURL(join(root, file)).href}'\n`)
    const name = `node_modules/.cache/joined-${nth}.test.mjs`
    writeFileSync(join(root, name), imports.join(''))
    return name
  })
  return [...bundles, ...all.filter((file) => !small.has(file))]
}

/** The runner reports a file as a test of its own; it is none. */
function isFile(name: string): boolean {
  return /\.test\.(?:ts|mjs)$/.test(name)
}

async function runFiles(chosen: readonly string[], concurrency: number): Promise<void> {
  if (chosen.length === 0) return
  const stream = run({
    files: chosen.map((file) => join(root, file)),
    concurrency,
    timeout: Number(process.env.FILE_MS_MAX ?? (tier === 'unit' ? UNIT_FILE_MS_MAX : FILE_MS_MAX)),
  })
  stream.on('test:pass', ({ skip, details, name }) => {
    if (details.type === 'suite' || isFile(name)) return
    if (skip === undefined || skip === false) count.passed += 1
    else count.skipped += 1
  })
  stream.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') count.failed += 1
  })
  const output = stream.compose(spec)
  output.pipe(process.stdout, { end: false })
  await finished(output, { writable: false })
}
