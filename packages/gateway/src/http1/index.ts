export { BodyReader } from './body-reader.ts'
export {
  type Fields,
  formatFields,
  formatMade,
  hasBareLineEnd,
  isFieldValue,
  isToken,
  type MadeFields,
  parseFields,
} from './fields.ts'
export { KeptFields } from './kept-fields.ts'
