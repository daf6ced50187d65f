// Writes the documents that code is the source of; `--check` fails when a committed one differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REASONS } from '../packages/evidence/src/index.ts'
import { configJsonSchema } from '../packages/gateway/src/config/index.ts'
import { LIMITS } from '../packages/gateway/src/limits/index.ts'
import { POLICY_SCHEMA } from '../packages/gateway/src/policy/index.ts'

const GENERATED: Readonly<Record<string, () => string>> = {
  'docs/generated/reasons.md': reasons,
  'docs/generated/limits.md': limits,
  'docs/generated/countersign.schema.json': schema,
  'docs/generated/policy.cedarschema': () => POLICY_SCHEMA,
}

function reasons(): string {
  const rows = Object.entries(REASONS).map(
    ([code, { status, meaning, advice }]) => `| \`${code}\` | ${status} | ${meaning} | ${advice} |`,
  )
  return `# Reason codes

The closed list of reasons for a verdict or an error: in records, in problem details, in metrics.
Written by \`node scripts/generate.ts\` from \`packages/evidence/src/reasons.ts\`.

| code | status | what it says | what to do |
|---|---|---|---|
${rows.join('\n')}
`
}

function limits(): string {
  const rows = Object.entries(LIMITS).map(([name, { of, min, max, meaning, reason }]) => {
    return `| \`${name}\` | ${meaning} | ${of} | ${min} to ${max} | ${reason} |`
  })
  return `# Limits of the request path

Section \`limits\` of the configuration. The unit is the end of the name. Written by
\`node scripts/generate.ts\` from \`packages/gateway/src/limits\`.

| limit | of what | default | range | reaching it |
|---|---|---|---|---|
${rows.join('\n')}
`
}

function schema(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`
}

const isCheck = process.argv.includes('--check')
let passed = 0
let failed = 0
for (const [path, make] of Object.entries(GENERATED)) {
  const file = join(import.meta.dirname, '..', path)
  const text = make()
  if (!isCheck) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') === text) passed += 1
  else {
    failed += 1
    process.stdout.write(`${path} differs from its source: node scripts/generate.ts\n`)
  }
}
if (isCheck) process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
