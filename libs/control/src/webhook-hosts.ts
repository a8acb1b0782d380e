/** Where webhooks of the policy `custom` may be: hosts as `hostOf` writes them. Empty: nowhere. */
export abstract class WebhookHosts {
  abstract readonly hosts: ReadonlySet<string>;
}
