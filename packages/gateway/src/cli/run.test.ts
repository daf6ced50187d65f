import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../../../../test/run-cli.ts'
import { VERSION } from './index.ts'

for (const [args, exit, out, err] of [
  [['--version'], 0, /^0\.1\.0\n$/, /^$/],
  [['--help'], 0, /Exit codes: 0 done/, /^$/],
  [['demo', '--help'], 0, /--upstream-port/, /^$/],
  [['help', 'verify'], 0, /--key/, /^$/],
  [[], 2, /^$/, /Usage: countersign/],
  [['strat'], 2, /^$/, /unknown command 'strat'\n\(Did you mean start\?\)/],
  [['start'], 2, /^$/, /required option '--config <file>'/],
  [['start', '--confg', 'x'], 2, /^$/, /error: /],
  [['demo', '--prot', '1'], 2, /^$/, /unknown option '--prot'\n\(Did you mean --port\?\)/],
  [['demo', '--port', '65536'], 2, /^$/, /whole number from 0 to 65535/],
  [['demo', '--port', '0x50'], 2, /^$/, /whole number from 0 to 65535/],
  [['demo', 'tamper', '--data', '/nowhere'], 2, /^$/, /no ledger in \/nowhere/],
  [
    ['show', '0', '--data', 'package.json'],
    2,
    /^$/,
    /cannot list package\.json \(another directory\?/,
  ],
  [['policy', 'check', 'package.json'], 2, /^$/, /package\.json is no directory: name the one/],
  [['policy', 'replay', '--with', '/nowhere'], 2, /^$/, /there is no \/nowhere\n$/],
  [['upstreams', '--key-file', '/dev/null'], 2, /^$/, /\/dev\/null/],
  [['upstreams', '--key-file', 'package.json'], 2, /^$/, /package\.json holds no API key or token/],
  [['config', 'check'], 2, /^$/, /which file\?/],
  [['keys', 'create'], 2, /^$/, /required option '--principal <id>'/],
  [['keys', 'create', '--principal', 'a', '--kind', 'robot'], 2, /^$/, /Allowed choices are user/],
] as const) {
  test(`countersign ${args.join(' ')} exits ${exit} and says why`, async () => {
    const ran = await run(args)
    assert.match(ran.out, out)
    assert.match(ran.err, err)
    assert.equal(ran.exit, exit)
  })
}

for (const command of [
  [],
  ['start'],
  ['demo'],
  ['demo', 'tamper'],
  ['keys', 'create'],
  ['drill'],
]) {
  test(`countersign ${command.join(' ')} --help reads well in 60 columns`, async () => {
    const { out } = await run([...command, '--help'], { columns: 60 })
    assert.deepEqual(
      out.split('\n').filter((line) => line.length > 60),
      [],
    )
  })
}

test('the version is the one of the package', async () => {
  const manifest = join(import.meta.dirname, '../../package.json')
  assert.equal(
    VERSION,
    (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version,
  )
})

test('config schema is a JSON Schema that names what may be written', async () => {
  const schema = JSON.parse((await run(['config', 'schema'])).out) as {
    readonly $schema: string
    readonly properties: object
  }
  assert.match(schema.$schema, /json-schema\.org\/draft\/2020-12/)
  const sections = Object.keys(schema.properties)
  for (const section of ['listeners', 'routes', 'upstreams', 'limits', 'vault', 'admin']) {
    assert.ok(sections.includes(section), section)
  }
})
