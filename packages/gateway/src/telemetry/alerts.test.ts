import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { Metrics } from './index.ts'

const FILE = join(import.meta.dirname, '../../../../examples/prometheus-alerts.yaml')

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly annotations: { readonly summary: string; readonly action: string }
    }[]
  }[]
}

test('each rule of the example asks for metrics that there are, and says what to do', async () => {
  const none = { state: 'open', publishedSize: 0, lagEntries: 0 }
  const lag = { unacknowledgedMs: 0, unintegratedMs: 0, unpublishedMs: 0 }
  const metrics = new Metrics({
    version: '0',
    ledger: () => ({ ...none, lag }),
    volume: () => ({ level: 'ample', freeBytes: 1, totalBytes: 1, reserveBytes: 1 }),
    overdueReviews: () => 0,
  })
  metrics.flushed(1)
  metrics.ended({ route: 'all', method: 'GET', status: 200, durationMs: 1 })
  const { text } = await metrics.render()
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const rules = (parse(readFileSync(FILE, 'utf8')) as Rules).groups.flatMap((group) => group.rules)
  assert.ok(rules.length >= 10)
  for (const { alert, expr, annotations } of rules) {
    const names = expr.match(/\b(countersign|http|nodejs)_[a-z0-9_]+/g) ?? []
    for (const name of names.filter((each) => !LABELS.has(each))) {
      assert.ok(known.has(name.replace(/_(bucket|count|sum)$/, '')), `${alert}: ${name}`)
    }
    assert.ok(annotations.summary.length > 0 && annotations.action.length > 0, alert)
  }
})

const LABELS = new Set(['http_route', 'http_response_status_code'])
