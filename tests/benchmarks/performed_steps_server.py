"""The server beside the agent in performed_steps.rs: pynetdicom's, which keeps performed steps in memory.

    python performed_steps_server.py PORT AE_TITLE
"""

import sys

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep, Verification

STEPS = {}


def handle_create(event):
    uid = event.request.AffectedSOPInstanceUID
    if uid in STEPS:
        return 0x0111, None
    STEPS[uid] = event.attribute_list
    return 0x0000, Dataset()


def handle_set(event):
    step = STEPS.get(event.request.RequestedSOPInstanceUID)
    if step is None:
        return 0x0112, None
    step.update(event.modification_list)
    return 0x0000, Dataset()


def main():
    server = AE(ae_title=sys.argv[2])
    server.maximum_associations = 100
    for context in (Verification, ModalityPerformedProcedureStep):
        server.add_supported_context(context)
    handlers = [(evt.EVT_N_CREATE, handle_create), (evt.EVT_N_SET, handle_set)]
    server.start_server(("127.0.0.1", int(sys.argv[1])), block=True, evt_handlers=handlers)


main()
