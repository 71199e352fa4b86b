import type { Me } from "../client/identity.ts";

const CREDENTIALS: Readonly<Record<Me["credential"], string>> = {
  demo: "sitting at this machine",
  session: "a sign-in in this browser",
  token: "an access token",
  key: "an API key",
  master: "the master key",
  external: "the user service",
};

/** By what somebody is known, in words. */
export function describeCredential(credential: Me["credential"]): string {
  return CREDENTIALS[credential];
}
