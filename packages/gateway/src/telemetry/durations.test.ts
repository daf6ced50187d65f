import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Durations } from './durations.ts'
import { upstreamDurations } from './metrics.ts'

test('counts are of all that took no longer, a row for each set of labels', () => {
  const durations = new Durations({
    name: 'took_seconds',
    help: 'how long',
    bounds: [0.1, 1],
    labels: (route, method, status) => `route="${route}",method="${method}",status="${status}"`,
  })
  for (const seconds of [0.05, 0.1, 0.5, 3]) durations.observe('all', 'GET', 200, seconds)
  durations.observe('all', 'GET', 404, 1)
  assert.equal(
    durations.text(),
    `# HELP took_seconds how long
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1",route="all",method="GET",status="200"} 2
took_seconds_bucket{le="1",route="all",method="GET",status="200"} 3
took_seconds_bucket{le="+Inf",route="all",method="GET",status="200"} 4
took_seconds_sum{route="all",method="GET",status="200"} 3.65
took_seconds_count{route="all",method="GET",status="200"} 4
took_seconds_bucket{le="0.1",route="all",method="GET",status="404"} 0
took_seconds_bucket{le="1",route="all",method="GET",status="404"} 1
took_seconds_bucket{le="+Inf",route="all",method="GET",status="404"} 1
took_seconds_sum{route="all",method="GET",status="404"} 1
took_seconds_count{route="all",method="GET",status="404"} 1
`,
  )
})

test('what two have counted, one tells', () => {
  const parts = { name: 't', help: 'h', bounds: [1], labels: (route: string) => `r="${route}"` }
  const [all, one, other] = [new Durations(parts), new Durations(parts), new Durations(parts)]
  const both = new Durations(parts)
  for (const [at, route, seconds] of [
    [one, 'a', 0.5],
    [one, 'b', 2],
    [other, 'a', 3],
    [other, 'a', 1],
  ] as const) {
    at.observe(route, '', 200, seconds)
    all.observe(route, '', 200, seconds)
  }
  both.add(one.take())
  both.add(other.take())
  both.add(other.take())
  assert.equal(both.text(), all.text())
})

test('statuses that are not registered share the label of their class', () => {
  const durations = upstreamDurations()
  for (let status = 200; status < 600; status += 1) durations.observe('api', '', status, 1)
  for (let status = 600; status < 1000; status += 1) durations.observe('api', '', status, 1)
  const other = new Durations({ name: 't', help: 'h', bounds: [], labels: () => '' })
  other.add(durations.take())
  durations.observe('api', '', 0, 1)
  durations.observe('api', '', 503, 1)
  durations.observe('api', '', 599, 1)
  assert.deepEqual(durations.text().match(/_count.*/g), [
    '_count{upstream="api",http_response_status_code="0"} 1',
    '_count{upstream="api",http_response_status_code="5xx"} 1',
    '_count{upstream="api",http_response_status_code="503"} 1',
  ])
  assert.equal(other.text().match(/_count/g)?.length, 57 + 8)
})
