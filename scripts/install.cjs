'use strict'
// Installs what package-lock.json names, when it is not there yet or has changed since. Runs before
// `npm start` and `npm test`, under whatever Node.js the machine has.
const { spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..')
const stamp = join(root, 'node_modules', '.installed')
const want = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== want) {
  process.stderr.write('Installing dependencies (npm ci), once ...\n')
  const npm = process.env.npm_execpath
  const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []]
  const done = spawnSync(command, [...first, 'ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (done.status !== 0) {
    process.stderr.write('npm ci failed: see above. Countersign needs the npm registry once.\n')
    process.exit(done.status ?? 1)
  }
  writeFileSync(stamp, want)
}
