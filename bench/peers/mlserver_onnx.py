"""A runtime for MLServer: one onnxruntime session of one thread. Runs in MLServer's environment, never in ours."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]
from mlserver.utils import get_model_uri  # type: ignore[import-not-found]


class OnnxModel(MLModel):  # type: ignore[misc]  # MLServer is not installed where types are checked
    """All outputs of the graph, run on MLServer's event loop."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            await get_model_uri(self.settings), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {item.name: NumpyCodec.decode_input(item) for item in payload.inputs}
        found = zip(self._names, self._session.run(self._names, inputs), strict=True)
        outputs = [NumpyCodec.encode_output(name, values) for name, values in found]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
