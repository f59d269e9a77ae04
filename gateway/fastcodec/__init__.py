"""ModelInfer without protobuf objects on the common path. `gateway.codec` is the general path, the oracle in tests."""
