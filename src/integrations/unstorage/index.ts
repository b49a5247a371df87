export {
  type UnstorageDriver,
  unstorageDriver,
  type UnstorageDriverOptions,
  type UnstorageItem,
  type UnstorageItemOptions,
} from "./cache-unstorage-driver.ts";
