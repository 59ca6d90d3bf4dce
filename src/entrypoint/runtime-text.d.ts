/** Text modules built by `scripts/build.ts`. */
declare module "*.runtime.txt" {
  const text: string;
  export default text;
}
