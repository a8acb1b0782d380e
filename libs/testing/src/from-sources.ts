/** Sources import each other as `.js`, which is what they will be when built. */
const hook = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
    return next(isOurs ? specifier.replace(/\\.js$/, '.ts') : specifier, context);
  },
});`;

/** What Node has to be told to run a program of ours from its sources as they are, and never from a stale build. */
export const fromSources: readonly string[] = [
  '--experimental-transform-types',
  '--disable-warning=ExperimentalWarning',
  '--conditions=@berth/source',
  `--import=data:text/javascript,${encodeURIComponent(hook)}`,
];
