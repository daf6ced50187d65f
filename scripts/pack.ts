// Stages build/countersign, the package of the command line, and packs it: the gateway with tlog,
// evidence and console bundled in, and the npm dependencies beside it as they are pinned here.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleProgram, externalDependencies } from './bundle.ts'

const root = join(import.meta.dirname, '..')
const gateway = join(root, 'packages/gateway')
const stage = join(root, 'build/countersign')

interface Manifest {
  readonly [field: string]: unknown
  readonly version: string
  readonly optionalDependencies: Readonly<Record<string, string>>
}

const { devDependencies: _unused, ...manifest } = readManifest(join(gateway, 'package.json'))
const { optionalDependencies } = readManifest(join(root, 'package.json'))
const dependencies = externalDependencies()

rmSync(stage, { recursive: true, force: true })
mkdirSync(join(stage, 'bin'), { recursive: true })
await bundleProgram(join(stage, 'dist'))
copyFileSync(join(gateway, 'bin/countersign.cjs'), join(stage, 'bin/countersign.cjs'))
chmodSync(join(stage, 'bin/countersign.cjs'), 0o755)
for (const file of ['README.md', 'LICENSE']) copyFileSync(join(root, file), join(stage, file))
const published = {
  ...manifest,
  files: ['bin', 'dist'],
  dependencies,
  // A machine whose own Node.js is too old runs this one: see bin/countersign.cjs.
  optionalDependencies,
}
writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
const packed = execFileSync('npm', ['pack', '--pack-destination', join(root, 'build'), '--json'], {
  cwd: stage,
  encoding: 'utf8',
})
const [{ filename }] = JSON.parse(packed) as [{ readonly filename: string }]
process.stdout.write(`${join(root, 'build', filename)}\n`)

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}
