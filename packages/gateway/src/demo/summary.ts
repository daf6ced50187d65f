import type { DemoEnvironment } from './environment.ts'

/** What a newcomer reads first. Fits 60 columns wherever the paths do. */
export function summary(
  { GATEWAY, ADMIN }: DemoEnvironment,
  place: { readonly data: string; readonly environmentFile: string },
): string {
  return `
Countersign is running: nothing is served before it is
written down.

  gateway  ${GATEWAY}
  console  ${ADMIN}  (log: /log/)
  data     ${place.data}

Ada may read orders. Ben may not. In another terminal:

  . ${place.environmentFile}
  curl -i -H "authorization: Bearer $ADA" $GATEWAY/orders/7
  curl -i -H "authorization: Bearer $BEN" $GATEWAY/orders/7
  curl -i -H "authorization: Bearer $ADA" \\
       -X DELETE $GATEWAY/orders/7
  npx --no-install countersign verify ${place.data} --key "$VKEY"
  npx --no-install countersign demo tamper --data ${place.data}

Ctrl-C stops it. What was recorded stays.
`
}
