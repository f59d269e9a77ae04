"""ModelInfer without protobuf objects on the common path. `gateway.codec` is the general path, and the oracle in tests."""
