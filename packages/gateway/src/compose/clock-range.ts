import { TIME_US_MAX } from '@countersign/evidence'

/** Why no record can be written at this time; undefined where one can. */
export function clockFault(nowUs: number): string | undefined {
  if (nowUs >= 0 && nowUs <= TIME_US_MAX) return undefined
  const time = new Date(Math.floor(nowUs / 1000))
  const says = Number.isNaN(time.getTime()) ? `${nowUs} us` : time.toISOString()
  return `the clock says ${says}: records have times from 1970 to 2255`
}
