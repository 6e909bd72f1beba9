// Where the server is. This is the file to change.

/** Your server's domain; it has to stand in the mini program's list of socket domains, too. */
export const domain = 'example.com';

/** The server's `--base-path`. */
export const basePath = '/applet/websocket';

/**
 * The cloud function that says who plays (src/client/signin), for servers with `--token-key`; '' plays
 * without. `cloudEnv` is the id of its environment; '' is the first one.
 */
export const signIn = '';
export const cloudEnv = '';

/** Only for trying things out against a server without a certificate, in the developer tools. */
export const insecure = false;
