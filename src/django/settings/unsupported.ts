/** A setting of a Django site that Node does not keep to. */
export interface UnsupportedSetting {
  /** Such as `SESSION_COOKIE_SAMESITE` or `CACHES["default"]["OPTIONS"]["CLIENT_CLASS"]`. */
  readonly setting: string;
  /** What Node does in its place. */
  readonly reason: string;
}

/** Collects them while the settings are read. */
export class UnsupportedSettings {
  readonly list: UnsupportedSetting[] = [];

  add(setting: string, reason: string): void {
    this.list.push({ setting, reason });
  }
}
