/** A setting of a Django site that Node does not honour. */
export interface UnsupportedSetting {
  /** Name, such as `SESSION_COOKIE_SAMESITE` or `CACHES["default"]["OPTIONS"]["CLIENT_CLASS"]`. */
  readonly setting: string;
  /** The setting's effect, and Node's behaviour instead. */
  readonly reason: string;
}

/** Collects unsupported settings while the settings are read. */
export class UnsupportedSettings {
  readonly list: UnsupportedSetting[] = [];

  add(setting: string, reason: string): void {
    this.list.push({ setting, reason });
  }
}
