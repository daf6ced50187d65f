// Runs one tier of the tests: node scripts/test.ts unit|faults|interop|e2e [file …]
// Ends with one line, `N passed, N failed`, and exits 1 unless all of them passed.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
const UNIT_FILE_MS_MAX = 600_000
const FILE_MS_MAX = 1_800_000
/** Many of the unit tier's wait, for a deadline or a process, longer than they compute. */
const AT_ONCE: Readonly<Record<string, number>> = { unit: 3 }
/** What says how soon or how fast something is: nothing else runs beside it. */
const ALONE = [
  'demo/first-answer.test.ts',
  'e2e/containment.test.ts',
  'e2e/overload.test.ts',
  'e2e/restart.test.ts',
  'e2e/hostile-clients.test.ts',
  'e2e/load.test.ts',
  'e2e/upstream-faults.test.ts',
  'e2e/refusal-flood.test.ts',
  'e2e/workers.test.ts',
]

/**
 * Files that share processes, so many for each pattern: most of the time of each alone would be
 * its start.
 */
const JOINED: readonly { readonly pattern: string; readonly processes: number }[] = [
  { pattern: 'packages/{evidence,tlog}/src/**/*.test.ts', processes: 1 },
  {
    pattern:
      'packages/gateway/src/{approval,containment,http1,identity,limits,policy,telemetry}/**/*.test.ts',
    processes: 1,
  },
  {
    pattern:
      'packages/gateway/src/{cli,compose,config,ledger,proxy,recorder,upstream,vault}/**/*.test.ts',
    processes: 4,
  },
  { pattern: 'test/proxy/**/*.test.ts', processes: 6 },
  { pattern: 'test/{config,tamper,verify}/**/*.test.ts', processes: 3 },
]
/** What looks at the process that it runs in, or takes long enough to have one of its own. */
const APART = [
  'vault/block-packer.test.ts',
  'vault/table-columns.test.ts',
  'ledger/crash.test.ts',
  'proxy/aborted.test.ts',
  'tamper/ledger-bytes.test.ts',
  'verify/permission.test.ts',
]
/**
 * Hooks for each test would be felt by the tests of the others; where a file waits before it has
 * told its tests, those of the others begin, and may end with what all of them need.
 */
const FELT = /^(?:beforeEach|afterEach)\(|^(?:(?:const|let|export|\}).* = )?await /m

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
  AT_ONCE[tier] ?? 2,
)
await runFiles(alone, 1)
const skips = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
process.stdout.write(`${count.passed} passed, ${count.failed} failed${skips}\n`)
process.exitCode = count.failed === 0 && count.passed > 0 ? 0 : 1

/** Puts a few files that import others in the place of those. */
function joined(all: readonly string[]): readonly string[] {
  mkdirSync(cache, { recursive: true })
  const alone = new Set(all)
  const bundles = JOINED.flatMap(({ pattern, processes }, group) => {
    const mine = globSync(pattern, { cwd: root }).filter(
      (file) => isJoined(file) && alone.delete(file),
    )
    return Array.from({ length: processes }, (_, nth) => {
      const imports = mine
        .filter((_, at) => at % processes === nth)
        .map((file) => `import '${pathToFileURL(join(root, file)).href}'\n`)
      const name = `node_modules/.cache/joined-${group}-${nth}.test.mjs`
      writeFileSync(join(root, name), imports.join(''))
      return name
    })
  })
  return [...bundles, ...alone]
}

function isJoined(file: string): boolean {
  if (APART.some((name) => file.endsWith(name))) return false
  return !FELT.test(readFileSync(join(root, file), 'utf8'))
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
