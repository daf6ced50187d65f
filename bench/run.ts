// npm run bench -- NAME [options]: runs one bench, keeps its result and prints it as the last line.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { tuneRuntime } from '../packages/gateway/src/platform/index.ts'
import { measureDisk, measureSha256 } from './machine.ts'
import { BenchUsageError } from './run.options.ts'

/** What a bench returns: its name, and figures with the unit in each name. */
export interface BenchResult {
  readonly bench: string
  readonly figures: Readonly<Record<string, unknown>>
}

const names = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((name) => !['run', 'machine'].includes(name) && !name.includes('.'))
  .sort()
const name = process.argv[2] ?? ''
if (!names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME [options], NAME one of ${names.join(', ')}\n`)
  process.exit(2)
}

tuneRuntime() // as the program does
// Before: what a bench leaves and removes makes the disk slower for a while.
const conditions = await machine(directoryAsked())
const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<BenchResult> }
const result = await run().catch(refuse)
const line = JSON.stringify({
  bench: result.bench,
  at: new Date().toISOString(),
  machine: conditions,
  figures: result.figures,
})
writeFileSync(join(import.meta.dirname, 'results', `${name}.json`), `${line}\n`)
process.stdout.write(`${line}\n`)

/** What was asked wrongly is answered with the head of the bench's file, which is its usage. */
function refuse(error: unknown): never {
  if (!(error instanceof BenchUsageError) && !isOfParseArgs(error)) throw error
  const text = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8')
  const usage = /^(?:\/\/.*\n)+/.exec(text)?.[0].replaceAll(/^\/\/ /gm, '') ?? ''
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}

function isOfParseArgs(error: unknown): error is TypeError {
  return (
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  )
}

/** Of the benches that take `--directory`; what else is wrong, each says by itself. */
function directoryAsked(): string {
  const options = { directory: { type: 'string', default: import.meta.dirname } } as const
  const { values } = parseArgs({ args: process.argv.slice(3), options, strict: false })
  return typeof values.directory === 'string' ? values.directory : import.meta.dirname
}

async function machine(directory: string): Promise<Readonly<Record<string, unknown>>> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.versions.node,
    fs: fileSystem(directory),
    ...(await measureDisk(directory)),
    sha256MBs: measureSha256(),
  }
}

function fileSystem(directory: string): string {
  const told = spawnSync('stat', ['-f', '-c', '%T', directory], { encoding: 'utf8' })
  return told.status === 0 ? told.stdout.trim() : `type ${statfsSync(directory).type}`
}
