// Where the server is. This is the file to change.

/** Your server's domain; it has to stand in the mini program's list of socket domains, too. */
export const domain = 'example.com';

/** The server's `--base-path`. */
export const basePath = '/applet/websocket';

/** Only for trying things out against a server without a certificate, in the developer tools. */
export const insecure = false;
